import type { ComponentChildren } from 'preact'
import type { Counts } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useList } from '../live.ts'
import { formatNumber } from '../text.ts'
import { Time } from './parts.tsx'
import { BASE, to } from './router.ts'
import { a, said } from './text.ts'

type Status = Responses['GET /status']
type Attention = NonNullable<Status['attention']>[number]

/** What is wrong, in a sentence, and where to do something about it. */
interface Finding {
  readonly key: string
  readonly text: ComponentChildren
  readonly action: readonly [text: string, href: string]
}

/** Subjects that one sentence names. */
const NAMED = 3

/** Whether the cluster works, and each thing that does not, once. */
export function Verdict({ attention }: { readonly attention: readonly Attention[] }) {
  const agents = useList<Responses['GET /agents'][number]>(
    '/agents?q=state:disconnected',
    ['agent', 'lock'],
    3,
  )
  const apps = useList<Responses['GET /apps'][number]>('/apps?q=state:unreachable', ['app', 'agent'], 3)
  const waiting = useList<{ readonly created: string }>(
    '/access-requests?q=state:pending&sort=created',
    ['access-request'],
    1,
  )
  const count = (of: { readonly counts: Counts | undefined }, state: string) =>
    of.counts?.states.get(state) ?? 0
  const findings: Finding[] = []
  const down = count(agents, 'disconnected')
  if (down > 0)
    findings.push({
      key: 'agents',
      text: a('agentsDown', {
        agents: down,
        all: agents.counts?.all ?? down,
        count: count(apps, 'no_agent'),
        names: named(
          (agents.data ?? []).map(({ hostname }) => hostname),
          down,
        ),
      }),
      action: [a('showAgents'), `${BASE}/agents?q=state:disconnected`],
    })
  const unreachable = count(apps, 'unreachable')
  if (unreachable > 0)
    findings.push({
      key: 'apps',
      text: a('appsUnreachable', {
        count: unreachable,
        names: named(
          (apps.data ?? []).map(({ metadata }) => metadata.name),
          unreachable,
        ),
      }),
      action: [a('showApps'), `${BASE}/apps?q=state:unreachable`],
    })
  const pending = count(waiting, 'pending')
  const [oldest] = waiting.data ?? []
  if (pending > 0 && oldest)
    findings.push({
      key: 'requests',
      text: (
        <>
          {a('requestsWait', { count: pending })} <Time at={oldest.created} />
        </>
      ),
      action: [a('decideRequests'), '/web/access-requests'],
    })
  for (const one of attention.filter((each) => !isCounted(each)))
    findings.push({
      key: `${one.kind} ${one.subject} ${one.message}`,
      text: `${one.subject}: ${said(one.message)}`,
      action: [a('open'), one.kind === 'app' ? to('apps', one.subject) : `${BASE}/cluster`],
    })
  if (!agents.counts || !apps.counts) return <p class="loading" />
  if (findings.length === 0) return <p class="notice good">{a('allWell')}</p>
  return (
    <ul class="attention verdict">
      {findings.map(({ key, text, action: [verb, href] }) => (
        <li key={key}>
          <span>{text}</span>
          <a class="button plain small" href={href}>
            {verb}
          </a>
        </li>
      ))}
    </ul>
  )
}

/** Agents and unreachable apps are counted; an app for which no agent has joined is not with an agent that is down. */
const isCounted = ({ kind, message }: Attention): boolean =>
  kind === 'agent' || (kind === 'app' && message.startsWith('unreachable'))

const named = (names: readonly string[], all: number): string =>
  names.slice(0, NAMED).join(', ') + (all > NAMED ? ', …' : '')

/** Counts of the cluster, each of how many. */
export function Figures({ sessions }: { readonly sessions: number | null }) {
  const agents = useList('/agents', ['agent', 'lock'], 1).counts
  const apps = useList('/apps', ['app', 'agent'], 1).counts
  const figures: readonly (readonly [string, number | undefined, number | undefined, string])[] = [
    ['apps', apps?.states.get('ready') ?? (apps && 0), apps?.all, a('appsReady')],
    ['agents', agents?.states.get('connected') ?? (agents && 0), agents?.all, a('agentsConnected')],
    ['sessions', sessions ?? undefined, undefined, a('sessions')],
  ]
  return (
    <div class="figures">
      {figures.map(([page, some, all, title]) => (
        <a key={page} href={`${BASE}/${page}`}>
          <strong>
            {some === undefined ? '–' : formatNumber(some)}
            {all !== undefined && <small> / {formatNumber(all)}</small>}
          </strong>
          {title}
        </a>
      ))}
    </div>
  )
}
