import { useState } from 'preact/hooks'
import type { Responses } from '../api-types.ts'
import { ReasonCode } from '../docs.tsx'
import { useResource } from '../live.ts'
import { Nothing, Section, Shown, State, Table } from './parts.tsx'
import { to } from './router.ts'
import { a } from './text.ts'

type App = Responses['GET /apps'][number]

/** Why the person may or may not open an app. */
export function Explain({ user }: { readonly user: string }) {
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
                <ReasonCode code={reason} /> {requirements.map((one) => one.name).join(', ')}
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
