import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { RemoveButton } from './dialogs.tsx'
import { DocumentEditor } from './document-editor.tsx'
import { Listing } from './listing.tsx'
import { lockAction } from './locks.tsx'
import { Badges, type Column, Gone, Nothing, PageHead, Shown } from './parts.tsx'
import { Needs } from './rights.tsx'
import { BASE, to } from './router.ts'
import { a } from './text.ts'

type Role = Responses['GET /roles'][number]

const template = {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'new-role' },
  spec: { allow: { app_labels: { env: 'prod' } } },
}

const withoutStatus = ({ kind, version, metadata, spec }: Role) => ({ kind, version, metadata, spec })

const rules = (labels: Readonly<Record<string, unknown>> | undefined): readonly string[] =>
  Object.entries(labels ?? {}).map(([key, value]) => `${key}=${[value].flat().join('|')}`)

const columns = (people: Readonly<Record<string, number>>): readonly Column<Role>[] => [
  {
    title: a('name'),
    sort: 'name',
    narrow: 'first',
    cell: ({ metadata: { name, description } }) => (
      <>
        <a href={to('roles', name)}>{name}</a> <span class="quiet">{description}</span>
      </>
    ),
  },
  {
    title: a('allows'),
    narrow: 'second',
    cell: ({ spec }) => <Badges few names={rules(spec.allow?.app_labels)} />,
  },
  { title: a('denies'), cell: ({ spec }) => <Badges few names={rules(spec.deny?.app_labels)} /> },
  {
    title: a('passkey'),
    cell: ({ spec }) => {
      const demand = spec.options?.require_session_mfa
      return demand && demand !== 'off' ? a('yes') : <span class="quiet">–</span>
    },
  },
  {
    title: a('people'),
    number: true,
    narrow: 'corner',
    cell: ({ metadata: { name } }) => (
      <a href={`${BASE}/people?q=${encodeURIComponent(`role:${name}`)}`}>
        {a('countPeople', { count: people[name] ?? 0 })}
      </a>
    ),
  },
]

/** All roles, or the editor of one. */
export function Roles({ name }: { readonly name: string }) {
  if (name === '+')
    return <DocumentEditor kind="role" path="roles" document={template} tag={null} back="roles" />
  if (name === 'admin' || name === 'access')
    return (
      <>
        <PageHead title={name} help={name === 'admin' ? a('adminRole') : a('accessRole')} />
        <p>{a('builtIn')}</p>
      </>
    )
  return name === '' ? <List /> : <One name={name} />
}

function List() {
  const people = useResource<Responses['GET /dashboard/people-by-role']>('/dashboard/people-by-role', [
    'role',
    'user',
  ])
  return (
    <>
      <PageHead title={a('roles')} help={a('rolesHelp')}>
        <Needs right="role.update">
          <a class="button" href={to('roles', '+')}>
            {a('addRole')}
          </a>
        </Needs>
      </PageHead>
      <Listing<Role>
        path="/roles"
        kinds={['role']}
        label={a('roles')}
        columns={columns(people.data ?? {})}
        keyOf={({ metadata }) => metadata.name}
        search={a('roleFilter')}
        actions={[lockAction(({ metadata }) => ['role', metadata.name])]}
        empty={<Nothing title={a('noRoles')} help={a('noRolesHelp')} />}
      />
    </>
  )
}

function One({ name }: { readonly name: string }) {
  const found = useResource<readonly Role[]>(`/roles?name=${encodeURIComponent(name)}`, ['role'])
  return (
    <Shown of={found}>
      {([role]) =>
        role === undefined ? (
          <Gone />
        ) : (
          <DocumentEditor
            kind="role"
            path="roles"
            document={withoutStatus(role)}
            tag={role.status!.etag}
            back="roles"
          >
            <RemoveButton
              right="role.delete"
              name={name}
              title={a('removeRole', { name })}
              help={a('removeRoleHelp')}
              path={`/roles/${encodeURIComponent(name)}`}
              list="/roles"
            />
          </DocumentEditor>
        )
      }
    </Shown>
  )
}
