import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { WhatMayOpen } from './access-lists.tsx'
import { announce, ConfirmButton, DialogButton, RemoveButton } from './dialogs.tsx'
import { Explain } from './explanation.tsx'
import { Invitations, InvitePerson } from './invitations.tsx'
import { Listing } from './listing.tsx'
import { AddLock, LockBanner, Locked, lockAction } from './locks.tsx'
import { Badges, type Column, Facts, Gone, Nothing, PageHead, Section, Shown, Time } from './parts.tsx'
import { Passkeys } from './passkeys.tsx'
import { PluginPanels } from './plugin-parts.tsx'
import { Needs } from './rights.tsx'
import { AddPerson, EditRoles } from './role-forms.tsx'
import { BASE, place, to } from './router.ts'
import { Devices } from './sessions.tsx'
import { a } from './text.ts'
import { RequestsLink, Visits } from './visits.tsx'

export type Person = Responses['GET /users'][number]

const KINDS = ['user', 'lock', 'grant']

const columns: readonly Column<Person>[] = [
  {
    title: a('name'),
    sort: 'name',
    narrow: 'first',
    cell: ({ name, display_name, locked, roles }) => (
      <>
        <a href={to('people', name)}>{display_name ?? name}</a>{' '}
        {display_name !== null && <span class="quiet on-screen">{name}</span>}{' '}
        <Locked is={locked} kind="user" name={name} roles={roles} />
      </>
    ),
  },
  {
    title: a('roles'),
    narrow: 'second',
    cell: ({ name, display_name, roles }) => {
      const badges = <Badges few names={roles} href={(role) => to('roles', role)} />
      // Several people may have the same display name.
      return display_name === null ? (
        badges
      ) : (
        <>
          <span class="on-screen">{badges}</span>
          <span class="on-phone quiet">
            {name} · {a('countRoles', { count: roles.length })}
          </span>
        </>
      )
    },
  },
  {
    title: a('signIn'),
    cell: ({ connector }) => connector ?? <span class="quiet">{a('neverSignedIn')}</span>,
  },
  {
    title: a('lastSignIn'),
    sort: 'last_login',
    narrow: 'corner',
    cell: ({ last_login }) => <Time at={last_login} />,
  },
  { title: a('created'), sort: 'created', cell: ({ created }) => <Time at={created} /> },
]

/** All people, or one. */
export function People({ name }: { readonly name: string }) {
  if (name !== '') return <Found name={name} />
  return (
    <>
      <PageHead title={a('people')} help={a('peopleHelp')}>
        <DialogButton
          right="user.create"
          text={a('addPerson')}
          class=""
          isOpen={place.value.query.has('add')}
          dialog={(close) => <AddPerson onClose={close} />}
        />
        <InvitePerson />
      </PageHead>
      <Invitations />
      <Listing<Person>
        path="/users"
        kinds={KINDS}
        label={a('people')}
        columns={columns}
        keyOf={(one) => one.name}
        search={a('peopleFilter')}
        states={{
          active: a('activePeople'),
          locked: a('lockedState'),
          never_signed_in: a('neverSignedIn'),
          granted: a('withGrants'),
        }}
        actions={[lockAction(({ name }) => ['user', name])]}
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
      <PageHead
        title={person.display_name ?? name}
        help={person.display_name === null ? '' : name}
        back={[`${BASE}/people`, a('people')]}
        menu={
          <>
            <DialogButton
              right="lock.create"
              text={a('lock')}
              class="plain danger"
              dialog={(close) => <AddLock target={['user', name]} onClose={close} />}
            />
            <RemoveButton
              right="user.delete"
              name={name}
              title={a('removePerson', { name })}
              help={a('removePersonHelp')}
              path={`/users/${encodeURIComponent(name)}`}
              list="/people"
            />
          </>
        }
      >
        <DialogButton
          right="user.update"
          text={a('editRoles')}
          class=""
          dialog={(close) => <EditRoles person={person} onClose={close} />}
        />
        <EndAllAccess user={name} />
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
      <Needs right="access.read">
        <WhatMayOpen user={name} />
      </Needs>
      <Needs right="audit.list">
        <Visits user={name} />
      </Needs>
      <Needs right={['access.read', 'app.list']}>
        <Explain user={name} />
      </Needs>
      <Needs right="passkey.list">
        <Passkeys person={person} />
      </Needs>
      <PluginPanels of="person" name={name} />
      <Needs right="session.list">
        <Section title={a('devices')} tools={<RequestsLink query={{ user: name }} />}>
          <Devices user={name} />
        </Section>
      </Needs>
    </>
  )
}

/** Locks the person, which cuts everything at once, and ends all sessions, so that nothing comes back with the lock removed. */
const EndAllAccess = ({ user }: { readonly user: string }) => (
  <ConfirmButton
    right={['lock.create', 'session.list', 'session.end']}
    verb={a('endAllAccess')}
    class="plain danger"
    title={a('endAllAccessOf', { name: user })}
    confirm={async () => {
      await call('POST', '/locks', { target: { user }, message: null, ttl_seconds: null })
      const sessions = await call<Responses['GET /sessions']>(
        'GET',
        `/sessions?user=${encodeURIComponent(user)}`,
      )
      // Those that depend on a sign-in end with it.
      const ids = new Set(sessions.map(({ id }) => id))
      const signIns = sessions.filter(({ parent }) => parent === null || !ids.has(parent))
      for (const { id } of signIns) await call('DELETE', `/sessions/${id}`)
      announce(a('endedAllAccess', { name: user, count: sessions.length }))
    }}
  >
    <p>{a('endAllAccessHelp')}</p>
  </ConfirmButton>
)
