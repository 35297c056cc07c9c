import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { AppIcon } from '../app-icon.tsx'
import { useResource } from '../live.ts'
import { WhoMayOpen } from './access-lists.tsx'
import { AppForm } from './app-form.tsx'
import { announce, ConfirmButton, DialogButton, RemoveButton } from './dialogs.tsx'
import { Listing } from './listing.tsx'
import { AddLock, LockBanner, Locked } from './locks.tsx'
import { type Column, Facts, Gone, Nothing, PageHead, Section, Shown, State, Table, Time } from './parts.tsx'
import { PluginPanels } from './plugin-parts.tsx'
import { BASE, place, to } from './router.ts'
import { SessionList } from './sessions.tsx'
import { a } from './text.ts'
import { TrafficCharts } from './traffic.tsx'

export type App = Responses['GET /apps'][number]
const KINDS = ['app', 'agent', 'session', 'lock']

const appStateText = (state: string): string =>
  state === 'ready'
    ? a('ready')
    : state === 'disabled'
      ? a('disabled')
      : state === 'no_agent'
        ? a('noAgentConnected')
        : a('unreachable')

const columns: readonly Column<App>[] = [
  {
    title: a('app'),
    cell: ({ metadata: { name, description }, spec: { display } }) => (
      <a class="app-link" href={to('apps', name)}>
        <AppIcon
          name={display?.name ?? name}
          icon={display?.icon?.startsWith('data:') ? null : (display?.icon ?? null)}
        />
        <span>
          <strong>{name}</strong>
          {description && <span class="quiet clamp">{description}</span>}
        </span>
      </a>
    ),
  },
  { title: a('state'), cell: ({ status }) => <AppState status={status} /> },
  { title: a('target'), cell: ({ spec: { uri } }) => <code>{uri}</code> },
  { title: a('labels'), cell: ({ metadata: { labels = {} } }) => <Labels labels={labels} /> },
  { title: a('sessions'), number: true, cell: ({ status: { sessions } }) => sessions },
  { title: a('streams'), number: true, cell: ({ status: { streams } }) => streams },
]

const AppState = ({ status: { state, locked } }: { readonly status: App['status'] }) => (
  <>
    <State of={state} text={appStateText(state)} /> <Locked is={locked} />
  </>
)

const Labels = ({ labels }: { readonly labels: Readonly<Record<string, string>> }) => (
  <span class="tags">
    {Object.entries(labels).map(([key, value]) => (
      <span key={key} class="tag">
        {key}={value}
      </span>
    ))}
  </span>
)

/** All apps, a form for another, or one app. */
export function Apps({ name }: { readonly name: string }) {
  if (name === '+') return <AppForm />
  if (name !== '') return <One name={name} />
  return (
    <>
      <PageHead title={a('apps')} help={a('appsHelp')}>
        <a class="button" href={to('apps', '+')}>
          {a('addApp')}
        </a>
      </PageHead>
      <Listing<App>
        path="/apps"
        kinds={KINDS}
        label={a('apps')}
        columns={columns}
        keyOf={({ metadata }) => metadata.name}
        search={a('appFilter')}
        empty={
          <Nothing title={a('noApps')} help={a('noAppsHelp')}>
            <a class="button" href={to('apps', '+')}>
              {a('addApp')}
            </a>
          </Nothing>
        }
      />
    </>
  )
}

function One({ name }: { readonly name: string }) {
  const found = useResource<readonly App[]>(`/apps?name=${encodeURIComponent(name)}`, KINDS)
  return (
    <Shown of={found}>
      {([app]) =>
        !app ? <Gone /> : place.value.query.has('edit') ? <AppForm app={app} /> : <AppPage app={app} />
      }
    </Shown>
  )
}

function AppPage({ app }: { readonly app: App }) {
  const { metadata, spec, status } = app
  const { name } = metadata
  const path = `/apps/${encodeURIComponent(name)}`
  const off = spec.enabled === false
  return (
    <>
      <PageHead title={name} help={metadata.description ?? ''} back={[`${BASE}/apps`, a('apps')]}>
        {status.url && !off && (
          <a class="button plain" href={status.url} rel="noreferrer">
            {a('open')}
          </a>
        )}
        <a class="button plain" href={`${to('apps', name)}?edit`}>
          {a('edit')}
        </a>
        <ConfirmButton
          title={off ? a('enableTitle', { name }) : a('disableTitle', { name })}
          verb={off ? a('enable') : a('disable')}
          confirm={async () => {
            await call('POST', `${path}/${off ? 'enable' : 'disable'}`)
            announce(off ? a('enabled', { name }) : a('disabledNow', { name }))
          }}
        >
          <p>{off ? a('enableHelp') : a('disableHelp', { count: status.streams })}</p>
        </ConfirmButton>
        <DialogButton
          text={a('lock')}
          class="plain danger"
          dialog={(close) => <AddLock target={['app', name]} onClose={close} />}
        />
        <RemoveButton
          name={name}
          title={a('removeApp', { name })}
          help={a('removeAppHelp', { sessions: status.sessions, count: status.streams })}
          path={path}
          list="/apps"
        />
      </PageHead>
      <LockBanner kind="app" name={name} />
      <div class="panel">
        <Facts
          rows={[
            [a('state'), <AppState key="state" status={status} />],
            [a('target'), <code key="uri">{spec.uri}</code>],
            [a('publicName'), spec.public_addr],
            [a('labels'), <Labels key="labels" labels={metadata.labels ?? {}} />],
            [a('sessions'), status.sessions],
            [a('streams'), status.streams],
          ]}
        />
      </div>
      <WhoMayOpen app={name} />
      <PluginPanels of="app" name={name} />
      <Section title={a('agents')}>
        <Table
          label={a('agents')}
          keyOf={({ hostname }) => hostname}
          rows={status.agents}
          empty={<Nothing title={a('noAgentBound')} help={a('noAgentBoundHelp')} />}
          columns={[
            { title: a('host'), cell: ({ hostname }) => <a href={to('agents', hostname)}>{hostname}</a> },
            {
              title: a('state'),
              cell: ({ connected }) => (
                <State
                  of={connected ? 'connected' : 'disconnected'}
                  text={connected ? a('connected') : a('notConnected')}
                />
              ),
            },
            { title: a('since'), cell: ({ since }) => <Time at={since} /> },
            { title: a('lastError'), cell: ({ last_error }) => last_error ?? <span class="quiet">–</span> },
          ]}
        />
      </Section>
      <TrafficCharts app={name} />
      <Section
        title={a('sessions')}
        tools={<a href={`${BASE}/requests?app=${encodeURIComponent(name)}`}>{a('itsRequests')}</a>}
      >
        <SessionList filter={`app=${encodeURIComponent(name)}`} />
      </Section>
    </>
  )
}
