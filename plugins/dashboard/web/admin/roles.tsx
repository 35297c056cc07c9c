import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { RemoveButton } from './dialogs.tsx'
import { DocumentEditor } from './document-editor.tsx'
import { Badges, Gone, Nothing, PageHead, Shown, Table } from './parts.tsx'
import { to } from './router.ts'
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

/** All roles, or the editor of one. */
export function Roles({ name }: { readonly name: string }) {
  const roles = useResource<readonly Role[]>('/roles', ['role'])
  const people = useResource<Responses['GET /users']>('/users', ['user'])
  if (name === '+')
    return <DocumentEditor kind="role" path="roles" document={template} tag={null} back="roles" />
  if (name === 'admin' || name === 'access')
    return (
      <>
        <PageHead title={name} help={name === 'admin' ? a('adminRole') : a('accessRole')} />
        <p>{a('builtIn')}</p>
      </>
    )
  if (name !== '')
    return (
      <Shown of={roles}>
        {(all) => {
          const role = all.find(({ metadata }) => metadata.name === name)
          if (!role) return <Gone />
          return (
            <DocumentEditor
              kind="role"
              path="roles"
              document={withoutStatus(role)}
              tag={role.status!.etag}
              back="roles"
            >
              <RemoveButton
                name={name}
                title={a('removeRole', { name })}
                help={a('removeRoleHelp')}
                path={`/roles/${encodeURIComponent(name)}`}
                list="/roles"
              />
            </DocumentEditor>
          )
        }}
      </Shown>
    )
  const holders = (role: string) => people.data?.filter((one) => one.roles.includes(role)).length ?? 0
  return (
    <>
      <PageHead title={a('roles')} help={a('rolesHelp')}>
        <a class="button" href={to('roles', '+')}>
          {a('addRole')}
        </a>
      </PageHead>
      <Shown of={roles}>
        {(rows) => (
          <Table
            label={a('roles')}
            rows={rows}
            keyOf={({ metadata }) => metadata.name}
            columns={[
              {
                title: a('name'),
                cell: ({ metadata }) => <a href={to('roles', metadata.name)}>{metadata.name}</a>,
              },
              { title: a('allows'), cell: ({ spec }) => <Badges names={rules(spec.allow?.app_labels)} /> },
              { title: a('denies'), cell: ({ spec }) => <Badges names={rules(spec.deny?.app_labels)} /> },
              {
                title: a('passkey'),
                cell: ({ spec }) => {
                  const demand = spec.options?.require_session_mfa
                  return demand && demand !== 'off' ? a('yes') : <span class="quiet">–</span>
                },
              },
              { title: a('people'), number: true, cell: ({ metadata }) => holders(metadata.name) },
            ]}
            empty={<Nothing title={a('noRoles')} help={a('noRolesHelp')} />}
          />
        )}
      </Shown>
    </>
  )
}
