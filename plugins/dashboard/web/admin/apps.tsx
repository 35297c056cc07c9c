import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { AppIcon } from '../app-icon.tsx'
import { useResource } from '../live.ts'
import { WhoMayOpen } from './access-lists.tsx'
import { AppForm } from './app-form.tsx'
import { announce, ConfirmButton, DialogButton, RemoveButton } from './dialogs.tsx'
import type { ListAction } from './list-tools.tsx'
import { Listing } from './listing.tsx'
import { AddLock, LockBanner, Locked, lockAction } from './locks.tsx'
import {
  Badges,
  type Column,
  Facts,
  Gone,
  Nothing,
  PageHead,
  Section,
  Shown,
  State,
  Table,
  Time,
} from './parts.tsx'
import { PluginPanels } from './plugin-parts.tsx'
import { may, Needs } from './rights.tsx'
import { BASE, place, to } from './router.ts'
import { SessionList } from './sessions.tsx'
import { a } from './text.ts'
import { TrafficCharts } from './traffic.tsx'
import { RequestsLink, Visits } from './visits.tsx'

export type App = Responses['GET /apps'][number]
const KINDS = ['app', 'agent', 'session', 'lock']

const columns: readonly Column<App>[] = [
  {
    title: a('app'),
    sort: 'name',
    narrow: 'first',
    cell: ({ metadata: { name, description }, spec: { display } }) => (
      <a class="app-link" href={to('apps', name)}>
        <AppIcon
          name={display?.name ?? name}
          icon={display?.icon?.startsWith('data:') ? null : (display?.icon ?? null)}
        />
        <span>
          <strong>{display?.name ?? name}</strong> <span class="quiet on-screen">{description ?? name}</span>
        </span>
      </a>
    ),
  },
  {
    title: a('state'),
    sort: 'state',
    narrow: 'corner',
    cell: (app) => <AppState {...app} />,
  },
  { title: a('name'), hidden: true, cell: ({ metadata: { name } }) => name },
  { title: a('group'), sort: 'group', hidden: true, cell: ({ spec }) => spec.display?.group ?? '–' },
  { title: a('target'), narrow: 'second', cell: ({ spec: { uri } }) => <code>{uri}</code> },
  {
    title: a('publicName'),
    hidden: true,
    cell: ({ spec, status }) => <PublicName spec={spec} status={status} />,
  },
  { title: a('labels'), cell: ({ metadata: { labels = {} } }) => <Labels labels={labels} few /> },
  {
    title: a('agents'),
    hidden: true,
    cell: ({ spec }) => <Badges few names={spec.agents ?? []} href={(host) => to('agents', host)} />,
  },
  { title: a('sessions'), number: true, cell: ({ status: { sessions } }) => sessions },
  {
    title: a('streams'),
    number: true,
    sort: 'streams',
    hidden: true,
    cell: ({ status: { streams } }) => streams,
  },
]

const AppState = ({ metadata: { name }, spec, status }: Pick<App, 'metadata' | 'spec' | 'status'>) => (
  <>
    <State of={status.state} text={states[status.state as keyof typeof states]} />{' '}
    {spec.plugins?.['public-paths']?.rules.some(({ verify }) => verify === 'anyone') && (
      <>
        <State of="deny" text={a('openToAnyone')} />{' '}
      </>
    )}
    <Locked is={status.locked} kind="app" name={name} />
  </>
)

const Labels = (props: { readonly labels: Readonly<Record<string, string>>; readonly few?: boolean }) => (
  <Badges
    names={Object.entries(props.labels).map(([key, value]) => `${key}=${value}`)}
    href={(label) => `${BASE}/apps?q=${encodeURIComponent(label)}`}
    few={props.few ?? false}
  />
)

const PublicName = ({ spec, status: { url } }: Pick<App, 'spec' | 'status'>) =>
  url ? (
    <a href={url} rel="noreferrer">
      {spec.public_addr}
    </a>
  ) : (
    <span>{spec.public_addr}</span>
  )

const states = {
  ready: a('ready'),
  unreachable: a('unreachable'),
  no_agent: a('noAgentConnected'),
  disabled: a('disabled'),
  locked: a('lockedState'),
}
const pathOf = ({ metadata }: App) => `/apps/${encodeURIComponent(metadata.name)}`
const actions: readonly ListAction<App>[] = [
  {
    verb: a('enable'),
    right: 'app.enable',
    help: a('enableHelp'),
    call: (app) => ['POST', `${pathOf(app)}/enable`],
  },
  {
    verb: a('disable'),
    right: 'app.enable',
    help: a('disableAllHelp'),
    call: (app) => ['POST', `${pathOf(app)}/disable`],
  },
  lockAction((app) => ['app', app.metadata.name]),
]

const addApp = () => (
  <Needs right="app.create">
    <a class="button" href={to('apps', '+')}>
      {a('addApp')}
    </a>
  </Needs>
)

/** All apps, a form for another, or one app. */
export function Apps({ name }: { readonly name: string }) {
  if (name === '+') return <AppForm />
  if (name !== '') return <One name={name} />
  return (
    <>
      <PageHead title={a('apps')} help={a('appsHelp')}>
        {addApp()}
      </PageHead>
      <Listing<App>
        path="/apps"
        kinds={KINDS}
        label={a('apps')}
        columns={columns}
        keyOf={({ metadata }) => metadata.name}
        search={a('appFilter')}
        states={states}
        actions={actions}
        empty={
          <Nothing title={a('noApps')} {...(may('app.create') && { help: a('noAppsHelp') })}>
            {addApp()}
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
  const opens = status.url && !off
  return (
    <>
      <PageHead
        title={spec.display?.name ?? name}
        help={[spec.display?.name && name, metadata.description].filter(Boolean).join(' · ')}
        back={[`${BASE}/apps`, a('apps')]}
        icon={
          <AppIcon
            name={spec.display?.name ?? name}
            icon={spec.display?.icon?.startsWith('data:') ? null : (spec.display?.icon ?? null)}
          />
        }
        menu={
          <>
            <ConfirmButton
              right="app.enable"
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
              right="lock.create"
              text={a('lock')}
              class="plain danger"
              dialog={(close) => <AddLock target={['app', name]} onClose={close} />}
            />
            <RemoveButton
              right="app.delete"
              name={name}
              title={a('removeApp', { name })}
              help={a('removeAppHelp', { sessions: status.sessions, count: status.streams })}
              path={path}
              list="/apps"
            />
          </>
        }
      >
        {opens && (
          <a class="button" href={status.url} rel="noreferrer">
            {a('open')}
          </a>
        )}
        <Needs right="app.update">
          <a class={opens ? 'button plain' : 'button'} href={`${to('apps', name)}?edit`}>
            {a('edit')}
          </a>
        </Needs>
      </PageHead>
      <LockBanner kind="app" name={name} />
      <div class="panel">
        <Facts
          rows={[
            [a('state'), <AppState key="state" metadata={metadata} spec={spec} status={status} />],
            [a('target'), <code key="uri">{spec.uri}</code>],
            [a('publicName'), <PublicName key="name" spec={spec} status={status} />],
            [a('labels'), <Labels key="labels" labels={metadata.labels ?? {}} />],
            [a('sessions'), status.sessions],
            [a('streams'), status.streams],
          ]}
        />
      </div>
      <Needs right="access.read">
        <WhoMayOpen app={name} />
      </Needs>
      <Needs right="audit.list">
        <Visits app={name} />
      </Needs>
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
      <Needs right="traffic.read">
        <TrafficCharts app={name} />
      </Needs>
      <Needs right="session.list">
        <Section title={a('sessions')} tools={<RequestsLink query={{ app: name }} />}>
          <SessionList filter={`app=${encodeURIComponent(name)}`} />
        </Section>
      </Needs>
    </>
  )
}
