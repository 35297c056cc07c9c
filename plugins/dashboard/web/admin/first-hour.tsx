import { useState } from 'preact/hooks'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { AddAgentDialog } from './agents.tsx'
import { Section } from './parts.tsx'
import { BASE, to } from './router.ts'
import { a } from './text.ts'

const HIDDEN = 'mezite.first-hour.hidden'

/**
 * Leads through an empty cluster. Each step is done when the hub says so, so that a person can leave at any time and
 * continue later, or do a step with `mezctl`.
 */
export function FirstHour() {
  const [hidden, setHidden] = useState(() => localStorage.getItem(HIDDEN) === 'yes')
  /** The dialog stays when its step is done, to say so. */
  const [adding, setAdding] = useState(false)
  const connectors = useResource<Responses['GET /connectors']>('/connectors', ['connector'])
  const agents = useResource<Responses['GET /agents']>('/agents?q=state:connected&limit=1', ['agent'])
  const apps = useResource<Responses['GET /apps']>('/apps?limit=1', ['app', 'agent', 'session'])
  const ready = useResource<Responses['GET /apps']>('/apps?q=state:ready&limit=1', ['app', 'agent'])
  const people = useResource<Responses['GET /users']>('/users?limit=100', ['user'])
  const keyOnly = useResource<Responses['GET /users']>('/users?q=connector:passkey&limit=1', ['user'])
  const launches = useResource<Responses['GET /audit']>('/audit?type=app.request&limit=1', [
    'session',
    'traffic',
  ])
  if (hidden || !connectors.data || !agents.data || !apps.data || !people.data || !launches.data) return null
  // Once somebody has opened an application, the page says below what does not work.
  if (launches.data.length > 0) return null
  const first = apps.data[0]
  const steps = [
    {
      title: a('stepSignIn'),
      help: a('stepSignInHelp'),
      done: connectors.data.length > 0 || (keyOnly.data?.length ?? 0) > 0,
      action: (
        <>
          <a class="button" href={to('sign-in', '+')}>
            {a('addConnector')}
          </a>
          <a class="button plain" href={`${BASE}/people`}>
            {a('passkeysOnly')}
          </a>
        </>
      ),
    },
    {
      title: a('stepAgent'),
      help: a('stepAgentHelp'),
      done: agents.data.length > 0,
      action: (
        <button type="button" onClick={() => setAdding(true)}>
          {a('addAgent')}
        </button>
      ),
    },
    {
      title: a('stepApp'),
      help: a('stepAppHelp'),
      done: (ready.data?.length ?? 0) > 0,
      action: (
        <a class="button" href={to('apps', '+')}>
          {a('addApp')}
        </a>
      ),
    },
    {
      title: a('stepAccess'),
      help: a('stepAccessHelp'),
      done: people.data.some(({ roles }) => roles.some((role) => role !== 'admin')),
      action: (
        <a class="button" href={`${BASE}/people`}>
          {a('people')}
        </a>
      ),
    },
    {
      title: a('stepLaunch'),
      help: a('stepLaunchHelp'),
      done: false,
      action: (
        <a class="button" href={first ? to('apps', first.metadata.name) : '/'}>
          {first ? a('openApp', { name: first.metadata.name }) : a('launcher')}
        </a>
      ),
    },
  ]
  const current = steps.findIndex(({ done }) => !done)
  const hide = (
    <button
      type="button"
      class="link-button"
      onClick={() => {
        localStorage.setItem(HIDDEN, 'yes')
        setHidden(true)
      }}
    >
      {a('hideSteps')}
    </button>
  )
  return (
    <Section title={a('firstHour')} tools={hide}>
      <ol class="first-hour">
        {steps.map(({ title, help, done, action }, index) => (
          <li key={title} class={done ? 'done' : ''} aria-current={index === current ? 'step' : undefined}>
            <span class="mark" aria-hidden="true">
              {done ? '✓' : index + 1}
            </span>
            <div>
              <strong>{title}</strong>
              <span class="visually-hidden">{done ? a('stepDone') : ''}</span>
              {!done && <p class="quiet">{help}</p>}
              {index === current && <div class="actions">{action}</div>}
            </div>
          </li>
        ))}
      </ol>
      {adding && <AddAgentDialog onClose={() => setAdding(false)} />}
    </Section>
  )
}
