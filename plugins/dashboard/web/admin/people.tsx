import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { ActionError, announce, Confirm, Dialog, DialogButton, useAction } from './dialogs.tsx'
import { CheckField, readNames, TextField } from './fields.tsx'
import { AddLock } from './locks.tsx'
import {
  Badges,
  type Column,
  Copyable,
  Facts,
  Nothing,
  PageHead,
  Section,
  Shown,
  State,
  Table,
  Time,
} from './parts.tsx'
import { BASE, go, to } from './router.ts'
import { type Session, SessionTable } from './sessions.tsx'
import { a } from './text.ts'

type Person = Responses['GET /users'][number]
type App = Responses['GET /apps'][number]
type Role = Responses['GET /roles'][number]
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
  if (!person) return <Nothing title={a('gone')} />
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
          class="plain danger-text"
          dialog={(close) => <AddLock target={['user', name]} onClose={close} />}
        />
        <DialogButton
          text={a('remove')}
          class="plain danger-text"
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
      <Passkeys user={name} />
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

interface Passkey {
  readonly id: string
  readonly name: string
  readonly created: string
  readonly last_used: string | null
}

function Passkeys({ user }: { readonly user: string }) {
  const keys = useResource<readonly Passkey[]>(`/users/${encodeURIComponent(user)}/mfa`, [
    'user',
    'key',
    'passkey',
  ])
  if (keys.error?.status === 404) return null
  return (
    <Section
      title={a('passkeys')}
      tools={
        <DialogButton
          text={a('enrolmentLink')}
          class="plain small"
          dialog={(close) => <EnrolmentLink user={user} onClose={close} />}
        />
      }
    >
      <Shown of={keys}>
        {(rows) => (
          <Table
            label={a('passkeys')}
            rows={rows}
            keyOf={({ id }) => id}
            columns={[
              { title: a('name'), cell: (key) => key.name },
              { title: a('created'), cell: (key) => <Time at={key.created} /> },
              { title: a('lastUsed'), cell: (key) => <Time at={key.last_used} /> },
            ]}
            empty={<Nothing title={a('noPasskeys')} />}
          />
        )}
      </Shown>
    </Section>
  )
}

function EnrolmentLink({ user, onClose }: { readonly user: string; onClose(): void }) {
  const [link, setLink] = useState<string | null>(null)
  const action = useAction()
  const create = () =>
    action.run(async () => {
      const made = await call<{ link: string }>('POST', `/users/${encodeURIComponent(user)}/mfa`, {
        type: 'webauthn',
      })
      setLink(made.link)
    })
  return (
    <Dialog title={a('enrolmentLink')} onClose={onClose}>
      <p>{a('enrolmentHelp', { name: user })}</p>
      {link && <Copyable text={link} />}
      <ActionError error={action.error} />
      <div class="actions">
        {link === null && (
          <button type="button" disabled={action.busy} onClick={() => void create()}>
            {a('createLink')}
          </button>
        )}
        <button type="button" class="plain" onClick={onClose}>
          {link === null ? a('cancel') : a('done')}
        </button>
      </div>
    </Dialog>
  )
}

function AddPerson({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<readonly string[]>([])
  const action = useAction()
  const submit = async () => {
    await call('POST', '/users', { name, roles })
    announce(a('personAdded', { name }))
    onClose()
    go(`/people/${encodeURIComponent(name)}`)
  }
  return (
    <Dialog title={a('addPerson')} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void action.run(submit)
        }}
      >
        <p class="quiet">{a('addPersonHelp')}</p>
        <TextField
          label={a('name')}
          value={name}
          required
          placeholder="carol@example.com"
          onChange={setName}
        />
        <RoleChoice chosen={roles} onChange={setRoles} />
        <ActionError error={action.error} />
        <div class="actions">
          <button type="submit" disabled={action.busy || name === ''}>
            {a('addPerson')}
          </button>
          <button type="button" class="plain" onClick={onClose}>
            {a('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function EditRoles({ person, onClose }: { readonly person: Person; onClose(): void }) {
  const [roles, setRoles] = useState<readonly string[]>(person.own_roles)
  const [before] = useState(person.own_roles)
  const action = useAction()
  const conflict = before.join() !== person.own_roles.join()
  return (
    <Dialog title={a('editRolesOf', { name: person.name })} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void action.run(async () => {
            await call('PATCH', `/users/${encodeURIComponent(person.name)}`, { roles })
            announce(a('saved', { name: person.name }))
            onClose()
          })
        }}
      >
        <p class="quiet">{a('editRolesHelp')}</p>
        {conflict && (
          <p class="notice warn" role="alert">
            {a('rolesChangedMeanwhile', { roles: person.own_roles.join(', ') || '–' })}
          </p>
        )}
        <RoleChoice chosen={roles} onChange={setRoles} />
        <ActionError error={action.error} />
        <div class="actions">
          <button type="submit" disabled={action.busy}>
            {a('save')}
          </button>
          <button type="button" class="plain" onClick={onClose}>
            {a('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** The roles that exist as check boxes, and room for others. */
export function RoleChoice(props: {
  readonly chosen: readonly string[]
  onChange(roles: readonly string[]): void
}) {
  const { chosen, onChange } = props
  const roles = useResource<readonly Role[]>('/roles', ['role'])
  const known = ['admin', 'access', ...(roles.data ?? []).map(({ metadata }) => metadata.name)]
  const others = chosen.filter((name) => !known.includes(name))
  return (
    <fieldset class="field">
      <legend>{a('roles')}</legend>
      {known.map((name) => (
        <CheckField
          key={name}
          label={name}
          help={name === 'admin' ? a('adminRole') : name === 'access' ? a('accessRole') : undefined}
          value={chosen.includes(name)}
          onChange={(on) => onChange(on ? [...chosen, name] : chosen.filter((one) => one !== name))}
        />
      ))}
      {others.length > 0 && (
        <TextField
          label={a('otherRoles')}
          value={others.join(' ')}
          onChange={(text) =>
            onChange([...chosen.filter((name) => known.includes(name)), ...readNames(text)])
          }
        />
      )}
    </fieldset>
  )
}

/** Why the person may or may not open an app. */
function Explain({ user }: { readonly user: string }) {
  const [app, setApp] = useState('')
  const apps = useResource<readonly App[]>('/apps', ['app', 'agent', 'session'])
  const path =
    app === '' ? null : `/access/explain?user=${encodeURIComponent(user)}&app=${encodeURIComponent(app)}`
  const explained = useResource<Responses['GET /access/explain']>(path, [
    'app',
    'role',
    'user',
    'lock',
    'connector',
  ])
  return (
    <Section title={a('whyAccess')}>
      <div class="filters">
        <label class="field">
          {a('app')}
          <select value={app} onChange={(event) => setApp(event.currentTarget.value)}>
            <option value="">{a('chooseApp')}</option>
            {apps.data?.map(({ metadata: { name } }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      {app !== '' && (
        <Shown of={explained}>
          {({ effect, reason, votes, requirements, lock }) => (
            <>
              <p class="answer" role="status">
                <State
                  of={effect}
                  text={
                    effect === 'allow' ? a('allowed') : effect === 'require' ? a('required') : a('denied')
                  }
                />{' '}
                <code>{reason}</code> {requirements.map((one) => one.name).join(', ')}
                {lock && ` ${a('lock')}: ${lock.message ?? lock.id}`}
              </p>
              <Table
                label={a('votes')}
                rows={votes}
                keyOf={(vote) => JSON.stringify(vote)}
                columns={[
                  { title: a('plugin'), cell: (vote) => vote.plugin },
                  {
                    title: a('role'),
                    cell: ({ role }) => (role === null ? '–' : <a href={to('roles', role)}>{role}</a>),
                  },
                  { title: a('rule'), cell: (vote) => <code>{vote.matcher ?? '–'}</code> },
                  {
                    title: a('appHas'),
                    cell: ({ label, value }) => (label === null ? '–' : `${label}=${value ?? a('notSet')}`),
                  },
                  {
                    title: a('vote'),
                    cell: (vote) => (
                      <State
                        of={vote.effect}
                        text={
                          vote.effect === 'none'
                            ? a('noMatch')
                            : vote.effect === 'allow'
                              ? a('allowed')
                              : a('denied')
                        }
                      />
                    ),
                  },
                ]}
                empty={<Nothing title={a('noVotes')} help={a('noVotesHelp')} />}
              />
            </>
          )}
        </Shown>
      )}
    </Section>
  )
}
