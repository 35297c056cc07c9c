import { useEffect, useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { DialogButton, FormDialog, RemoveButton } from './dialogs.tsx'
import { ChoiceField, TextField } from './fields.tsx'
import { Listing } from './listing.tsx'
import { AddLock, LockBanner, Locked, lockAction } from './locks.tsx'
import {
  Badges,
  type Column,
  Copyable,
  Facts,
  Gone,
  Nothing,
  PageHead,
  Section,
  Shown,
  State,
  Time,
} from './parts.tsx'
import { BASE, place, to } from './router.ts'
import { a } from './text.ts'

type Agent = Responses['GET /agents'][number]
const KINDS = ['agent', 'app', 'lock']

const columns: readonly Column<Agent>[] = [
  {
    title: a('host'),
    sort: 'hostname',
    narrow: 'first',
    cell: ({ hostname }) => <a href={to('agents', hostname)}>{hostname}</a>,
  },
  { title: a('state'), narrow: 'corner', cell: (agent) => <AgentState agent={agent} /> },
  { title: a('since'), sort: 'since', cell: ({ since }) => <Time at={since} /> },
  { title: a('version'), cell: ({ version }) => version ?? '–' },
  { title: a('transport'), hidden: true, cell: ({ transport }) => transport ?? '–' },
  {
    title: a('roundTrip'),
    number: true,
    cell: ({ rtt_ms }) => (rtt_ms === null ? '–' : `${rtt_ms.toFixed(1)} ms`),
  },
  { title: a('streams'), number: true, sort: 'streams', cell: ({ streams }) => streams },
  {
    title: a('apps'),
    narrow: 'second',
    cell: ({ hostname, apps }) => (
      <a href={`${BASE}/apps?q=${encodeURIComponent(`agent:${hostname}`)}`}>
        {a('countApps', { count: apps.length })}
      </a>
    ),
  },
]

const AgentState = ({ agent: { hostname, connected, locked } }: { readonly agent: Agent }) => (
  <>
    <State
      of={connected ? 'connected' : 'disconnected'}
      text={connected ? a('connected') : a('notConnected')}
    />{' '}
    <Locked is={locked} kind="agent" name={hostname} />
  </>
)

/** All agents, or one. */
export function Agents({ name }: { readonly name: string }) {
  if (name !== '') return <Found name={name} />
  return (
    <>
      <PageHead title={a('agents')} help={a('agentsHelp')}>
        <AddAgent />
      </PageHead>
      <Listing<Agent>
        path="/agents"
        kinds={KINDS}
        label={a('agents')}
        columns={columns}
        keyOf={({ hostname }) => hostname}
        search={a('host')}
        states={{ connected: a('connected'), disconnected: a('notConnected'), locked: a('lockedState') }}
        actions={[lockAction(({ hostname }) => ['agent', hostname])]}
        empty={
          <Nothing title={a('noAgents')} help={a('noAgentsHelp')}>
            <AddAgent />
          </Nothing>
        }
      />
    </>
  )
}

function Found({ name }: { readonly name: string }) {
  const found = useResource<readonly Agent[]>(`/agents?name=${encodeURIComponent(name)}`, KINDS)
  return <Shown of={found}>{([agent]) => <One agent={agent} />}</Shown>
}

function One({ agent }: { readonly agent: Agent | undefined }) {
  if (!agent) return <Gone />
  const { hostname } = agent
  return (
    <>
      <PageHead title={hostname} back={[`${BASE}/agents`, a('agents')]}>
        <DialogButton
          right="lock.create"
          text={a('lock')}
          class="plain danger"
          dialog={(close) => <AddLock target={['agent', hostname]} onClose={close} />}
        />
        <RemoveButton
          right="agent.delete"
          name={hostname}
          title={a('removeAgent', { name: hostname })}
          help={a('removeAgentHelp')}
          path={`/agents/${encodeURIComponent(hostname)}`}
          list="/agents"
        />
      </PageHead>
      <LockBanner kind="agent" name={hostname} />
      <div class="panel">
        <Facts
          rows={[
            [a('state'), <AgentState key="state" agent={agent} />],
            [a('since'), <Time key="since" at={agent.since} />],
            [a('version'), agent.version],
            [a('transport'), agent.transport],
            [a('roundTrip'), agent.rtt_ms === null ? null : `${agent.rtt_ms.toFixed(1)} ms`],
            [a('streams'), agent.streams],
            [a('certificateExpires'), <Time key="expires" at={agent.cert_expires} />],
          ]}
        />
      </div>
      <Section title={a('apps')}>
        <Badges names={agent.apps} href={(name) => to('apps', name)} />
      </Section>
    </>
  )
}

/** A button that opens the dialog. */
const AddAgent = () => (
  <DialogButton
    right="token.create"
    text={a('addAgent')}
    class=""
    isOpen={place.value.query.has('add')}
    dialog={(close) => <AddAgentDialog onClose={close} />}
  />
)

/** Creates a join token, shows the command that spends it, and notices when the agent has joined. */
export function AddAgentDialog({ onClose }: { onClose(): void }) {
  const [hostname, setHostname] = useState('')
  const [ttl, setTtl] = useState('3600')
  const [made, setMade] = useState<Responses['POST /tokens'] | null>(null)
  const agents = useResource<readonly Agent[]>('/agents', KINDS)
  /** Agents that were connected when the dialog opened; null until they are known. */
  const [before, setBefore] = useState<ReadonlySet<string> | null>(null)
  useEffect(() => {
    const connected = agents.data?.filter((one) => one.connected).map((one) => one.hostname)
    if (connected && before === null) setBefore(new Set(connected))
  }, [agents.data])
  const joined = agents.data?.find(
    (agent) =>
      agent.connected &&
      before !== null &&
      (hostname === '' ? !before.has(agent.hostname) : agent.hostname === hostname),
  )
  const create = async () => {
    const body = { roles: ['app'], ttl_seconds: Number(ttl), agent_hostname: hostname || null }
    setMade(await call('POST', '/tokens', body))
  }
  return (
    <FormDialog
      title={a('addAgent')}
      verb={a('createCommand')}
      submit={create}
      onClose={onClose}
      result={
        made && (
          <>
            <ol class="steps">
              <li>
                <p>{a('runOnHost')}</p>
                <Copyable text={`echo ${made.token} | ${made.command}`} />
                <p class="help">{a('tokenOnce')}</p>
              </li>
              <li>
                {joined ? (
                  <p class="notice good" role="status">
                    {a('agentJoined', { name: joined.hostname })}
                  </p>
                ) : (
                  <p role="status" class="waiting">
                    {a('waitingForAgent')}
                  </p>
                )}
              </li>
            </ol>
            <div class="actions">
              <button type="button" class={joined ? '' : 'plain'} onClick={onClose}>
                {a('done')}
              </button>
            </div>
          </>
        )
      }
    >
      <p class="quiet">{a('addAgentHelp')}</p>
      <TextField
        label={a('host')}
        help={a('hostHelp')}
        value={hostname}
        placeholder="node-1"
        onChange={setHostname}
      />
      <ChoiceField
        label={a('validFor')}
        value={ttl}
        options={[
          ['900', a('minutes', { count: 15 })],
          ['3600', a('oneHour')],
          ['86400', a('days', { count: 1 })],
        ]}
        onChange={setTtl}
      />
    </FormDialog>
  )
}
