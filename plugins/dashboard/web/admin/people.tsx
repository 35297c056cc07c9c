import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { WhatMayOpen } from './access-lists.tsx'
import { DialogButton, RemoveButton } from './dialogs.tsx'
import { Explain } from './explanation.tsx'
import { Listing } from './listing.tsx'
import { AddLock, LockBanner, Locked } from './locks.tsx'
import { Badges, type Column, Facts, Gone, Nothing, PageHead, Section, Shown, Time } from './parts.tsx'
import { Passkeys } from './passkeys.tsx'
import { PluginPanels } from './plugin-parts.tsx'
import { AddPerson, EditRoles } from './role-forms.tsx'
import { BASE, to } from './router.ts'
import { SessionList } from './sessions.tsx'
import { a } from './text.ts'

export type Person = Responses['GET /users'][number]

const KINDS = ['user', 'lock', 'grant']

const columns: readonly Column<Person>[] = [
  {
    title: a('name'),
    cell: ({ name, locked }) => (
      <>
        <a href={to('people', name)}>{name}</a> <Locked is={locked} />
      </>
    ),
  },
  { title: a('roles'), cell: ({ roles }) => <Badges names={roles} href={(role) => to('roles', role)} /> },
  {
    title: a('signIn'),
    cell: ({ connector }) => connector ?? <span class="quiet">{a('neverSignedIn')}</span>,
  },
  { title: a('lastSignIn'), cell: ({ last_login }) => <Time at={last_login} /> },
  { title: a('created'), cell: ({ created }) => <Time at={created} /> },
]

/** All people, or one. */
export function People({ name }: { readonly name: string }) {
  if (name !== '') return <Found name={name} />
  return (
    <>
      <PageHead title={a('people')} help={a('peopleHelp')}>
        <DialogButton text={a('addPerson')} class="" dialog={(close) => <AddPerson onClose={close} />} />
      </PageHead>
      <Listing<Person>
        path="/users"
        kinds={KINDS}
        label={a('people')}
        columns={columns}
        keyOf={(one) => one.name}
        search={a('peopleFilter')}
        empty={<Nothing title={a('noPeople')} help={a('noPeopleHelp')} />}
      />
    </>
  )
}

function Found({ name }: { readonly name: string }) {
  const found = useResource<readonly Person[]>(`/users?name=${encodeURIComponent(name)}`, KINDS)
  return <Shown of={found}>{([person]) => <One person={person} />}</Shown>
}

function One({ person }: { readonly person: Person | undefined }) {
  if (!person) return <Gone />
  const { name } = person
  return (
    <>
      <PageHead title={name} back={[`${BASE}/people`, a('people')]}>
        <DialogButton
          text={a('editRoles')}
          dialog={(close) => <EditRoles person={person} onClose={close} />}
        />
        <DialogButton
          text={a('lock')}
          class="plain danger"
          dialog={(close) => <AddLock target={['user', name]} onClose={close} />}
        />
        <RemoveButton
          name={name}
          title={a('removePerson', { name })}
          help={a('removePersonHelp')}
          path={`/users/${encodeURIComponent(name)}`}
          list="/people"
        />
      </PageHead>
      <LockBanner kind="user" name={name} roles={person.roles} />
      <div class="panel">
        <Facts
          rows={[
            [
              a('rolesByHand'),
              <Badges key="own" names={person.own_roles} href={(role) => to('roles', role)} />,
            ],
            [
              a('rolesMapped', { connector: person.connector ?? '–' }),
              <Badges key="mapped" names={person.mapped_roles} href={(role) => to('roles', role)} />,
            ],
            ...person.grants.map(
              ({ id, role, app_names, until }) =>
                [
                  a('grantedRole', { name: role }),
                  <>
                    {app_names?.join(', ')} <Time key={id} at={until} />
                  </>,
                ] as const,
            ),
            [a('lastSignIn'), <Time key="last" at={person.last_login} />],
            [a('created'), <Time key="created" at={person.created} />],
            [a('identity'), person.identity && `${person.identity.sub} (${person.identity.issuer})`],
          ]}
        />
      </div>
      <WhatMayOpen user={name} />
      <Explain user={name} />
      <Passkeys person={person} />
      <PluginPanels of="person" name={name} />
      <PersonSessions user={name} />
    </>
  )
}

function PersonSessions({ user }: { readonly user: string }) {
  return (
    <Section
      title={a('sessions')}
      tools={<a href={`${BASE}/requests?user=${encodeURIComponent(user)}`}>{a('itsRequests')}</a>}
    >
      <SessionList filter={`user=${encodeURIComponent(user)}`} />
    </Section>
  )
}
