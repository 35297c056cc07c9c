import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { announce, Confirm, DialogButton } from './dialogs.tsx'
import { Explain } from './explanation.tsx'
import { TextField } from './fields.tsx'
import { AddLock } from './locks.tsx'
import { Badges, type Column, Facts, Gone, Nothing, PageHead, Section, Shown, Table, Time } from './parts.tsx'
import { Passkeys } from './passkeys.tsx'
import { AddPerson, EditRoles } from './role-forms.tsx'
import { BASE, go, to } from './router.ts'
import { type Session, SessionTable } from './sessions.tsx'
import { a } from './text.ts'

export type Person = Responses['GET /users'][number]
const PAGE = 100

const columns: readonly Column<Person>[] = [
  { title: a('name'), cell: ({ name }) => <a href={to('people', name)}>{name}</a> },
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
  const people = useResource<readonly Person[]>('/users', ['user'])
  const [query, setQuery] = useState('')
  const [shown, setShown] = useState(PAGE)
  if (name !== '')
    return <Shown of={people}>{(all) => <One person={all.find((one) => one.name === name)} />}</Shown>
  return (
    <>
      <PageHead title={a('people')} help={a('peopleHelp')}>
        <DialogButton text={a('addPerson')} class="" dialog={(close) => <AddPerson onClose={close} />} />
      </PageHead>
      <Shown of={people}>
        {(all) => {
          const found = all.filter((one) =>
            `${one.name} ${one.roles.join(' ')}`.toLowerCase().includes(query.toLowerCase()),
          )
          return (
            <>
              {all.length > 8 && (
                <div class="filters">
                  <TextField
                    label={a('filter')}
                    value={query}
                    placeholder={a('peopleFilter')}
                    onChange={setQuery}
                  />
                </div>
              )}
              <Table
                label={a('people')}
                columns={columns}
                rows={found.slice(0, shown)}
                keyOf={(one) => one.name}
                empty={<Nothing title={a('noPeople')} help={a('noPeopleHelp')} />}
              />
              {found.length > shown && (
                <button
                  type="button"
                  class="plain more-button"
                  onClick={() => setShown((count) => count + PAGE)}
                >
                  {a('showMore', { count: found.length - shown })}
                </button>
              )}
            </>
          )
        }}
      </Shown>
    </>
  )
}

function One({ person }: { readonly person: Person | undefined }) {
  if (!person) return <Gone />
  const { name } = person
  const path = encodeURIComponent(name)
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
        <DialogButton
          text={a('remove')}
          class="plain danger"
          dialog={(close) => (
            <Confirm
              title={a('removePerson', { name })}
              verb={a('remove')}
              name={name}
              onClose={close}
              confirm={async () => {
                await call('DELETE', `/users/${path}`)
                announce(a('removed', { name }))
                go('/people')
              }}
            >
              <p>{a('removePersonHelp')}</p>
            </Confirm>
          )}
        />
      </PageHead>
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
            [a('lastSignIn'), <Time key="last" at={person.last_login} />],
            [a('created'), <Time key="created" at={person.created} />],
            [a('identity'), person.identity && `${person.identity.sub} (${person.identity.issuer})`],
          ]}
        />
      </div>
      <Explain user={name} />
      <Passkeys person={person} />
      <PersonSessions user={name} />
    </>
  )
}

function PersonSessions({ user }: { readonly user: string }) {
  const sessions = useResource<readonly Session[]>(`/sessions?user=${encodeURIComponent(user)}`, [
    'session',
    'lock',
    'user',
  ])
  return (
    <Section
      title={a('sessions')}
      tools={<a href={`${BASE}/requests?user=${encodeURIComponent(user)}`}>{a('itsRequests')}</a>}
    >
      <Shown of={sessions}>{(rows) => <SessionTable rows={rows} />}</Shown>
    </Section>
  )
}
