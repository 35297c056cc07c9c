import type { App } from '../api/app.ts'
import type { AccessQuery } from '../api/decision.ts'
import type { Grant } from '../api/grants.ts'
import { type RequirementKind, requirements } from '../api/requirement.ts'
import { readAccessRequest } from '../gate/access/access-request.ts'
import { Ballot, countBallots } from '../gate/access/ballots.ts'
import { deepFreeze } from '../kernel/deep-freeze.ts'
import { messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import type { ConformTest } from './conformance-test.ts'
import { watchEffects } from './side-effects.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

/** Inputs of `conformPolicy`. */
export interface ConformPolicyOptions extends TestHostOptions {
  /** Queries that the policy votes on. Default: people and programs, with and without a session or a grant, and two apps. */
  readonly queries?: readonly AccessQuery[]
  /** Names of the requirements that other plugins register: the policy may require these, and those it registers itself. */
  readonly requirements?: readonly string[]
}

const HOUR_MS = 3_600_000
/** From the next minute to the next year, so that hours, days of the week and months differ. */
const MOVES_MS = [
  60_000,
  ...Array.from({ length: 24 }, (_, hour) => (hour + 1) * HOUR_MS),
  180 * 24 * HOUR_MS,
  365 * 24 * HOUR_MS,
]

/** A complete query for tests of policies, in which `app`, `subject` and `context` replace members; `request` as received. */
export function testQuery(
  changes: {
    app?: Partial<App>
    subject?: Partial<AccessQuery['subject']>
    context?: Partial<AccessQuery['context']>
    request?: { readonly method: string; readonly target: string; readonly upgrade?: boolean }
  } = {},
): AccessQuery {
  const headers = { set: {}, remove: [] }
  return deepFreeze({
    subject: {
      user: 'alice',
      roles: ['access'],
      kind: 'session',
      sessionId: 'session-1',
      satisfied: [],
      ...changes.subject,
    },
    app: {
      id: '0191f0a2-0000-7000-8000-000000000001',
      name: 'wiki',
      description: null,
      labels: { env: 'prod' },
      uri: 'http://127.0.0.1:1',
      protocol: 'http',
      publicAddr: 'wiki.apps.example.com',
      agents: ['node-1'],
      enabled: true,
      tls: { verify: true, serverName: null, ca: null },
      rewriteHost: 'preserve',
      httpVersion: '1.1',
      identityHeaders: {},
      headers: { request: headers, response: headers },
      origins: [],
      expires: null,
      timeouts: { connectMs: 5_000, responseMs: 60_000, idleMs: HOUR_MS },
      ...changes.app,
    },
    context: { protocol: changes.app?.protocol ?? 'http', clientIp: '203.0.113.7', ...changes.context },
    request: changes.request ? readAccessRequest(changes.request) : null,
  } satisfies AccessQuery)
}

/**
 * Checks a policy with the ballots of the hub: it votes on frozen queries without an error, in time, equally for equal
 * queries, and, if its taps are `pure`, from the query alone. A pure tap that reads the time or a file would be wrong until
 * access data change.
 */
export function conformPolicy(t: ConformTest, plugin: AnyPlugin, options: ConformPolicyOptions = {}): void {
  const { queries = QUERIES, requirements: foreign = [], ...host } = options
  const open = () => {
    const { calls, clock, slot } = createTestHost(plugin, host)
    const kinds = new Map(foreign.map((name) => [name, placeholder(name)]))
    for (const kind of slot(requirements)) kinds.set(kind.name, kind)
    const poll = createPoll(calls.access.decide, kinds)
    return { poll, clock, pure: calls.access.decide.pure }
  }

  t.test('it taps access.decide', async (t) => {
    t.ok(
      createTestHost(plugin, host).taps.some(({ hook }) => hook === 'access.decide'),
      'at least once',
    )
  })

  t.test('it votes on every query without an error, and equally when asked again', async (t) => {
    const { poll } = open()
    for (const query of queries) {
      const one = await poll.votesOn(query)
      t.ok(one.failed.length === 0, `${nameOf(query)}: ${one.failed.map(messageOf).join('; ') || 'no error'}`)
      const other = await poll.votesOn(query)
      t.ok(one.votes === other.votes, `${nameOf(query)}: ${one.votes} and ${other.votes}`)
    }
  })

  t.test('it votes before its tap returns', async (t) => {
    const { poll } = open()
    for (const query of queries) await poll.votesOn(query)
    await new Promise((resolve) => setTimeout(resolve, LATE_MS))
    t.ok(poll.late.length === 0, `votes after the decision: ${poll.late.join(', ') || 'none'}`)
  })

  t.test('a pure policy does not depend on the clock', async (t) => {
    const { poll, clock, pure } = open()
    if (!pure) return void t.ok(true, 'it is not pure')
    for (const query of queries) {
      const now = await poll.votesOn(query)
      for (const ms of MOVES_MS) {
        clock.advance(ms)
        const later = await withDate(clock.now(), () => poll.votesOn(query))
        t.ok(
          later.votes === now.votes,
          `${nameOf(query)}, ${ms / 60_000} minutes later: ${now.votes}, ${later.votes}`,
        )
      }
    }
  })

  t.test('a pure policy reads no file', async (t) => {
    const { poll, pure } = open()
    if (!pure) return void t.ok(true, 'it is not pure')
    for (const query of queries) {
      const effects = await watchEffects(() => poll.votesOn(query))
      effects.end()
      const names = effects.calls.map(({ name }) => name).join(', ')
      t.ok(names === '', `${nameOf(query)}: ${names || 'no file'}`)
    }
  })
}

/** Long enough for votes that wait for a timer or a file. */
const LATE_MS = 100

/** A role that somebody has for a time is one of the roles, and is named beside them. */
const GRANT: Grant = Object.freeze({
  id: '0191f0a2-0000-7000-8000-0000000000aa',
  user: 'alice',
  role: 'oncall',
  apps: null,
  started: 1_700_000_000_000,
  until: 1_700_003_600_000,
})

const QUERIES = [
  testQuery(),
  testQuery({ request: { method: 'DELETE', target: '/admin/users/1' } }),
  testQuery({ request: { method: 'GET', target: '/a%2f../b' } }),
  testQuery({ request: { method: 'GET', target: '/%252525?a=1', upgrade: true } }),
  testQuery({ subject: { user: 'bob', roles: [] } }),
  testQuery({ app: { name: 'redis', protocol: 'tcp', uri: 'tcp://127.0.0.1:1', labels: {} } }),
  // A program with a token has no session; the list of somebody's apps has no address.
  testQuery({ subject: { user: 'robot', kind: 'token', sessionId: null }, context: { clientIp: null } }),
  testQuery({ subject: { roles: ['access', 'oncall'], grants: [GRANT] } }),
  testQuery({ subject: { user: 'bot:ci', kind: 'bot', sessionId: 'session-2' } }),
  testQuery({ subject: { kind: 'operator', sessionId: null, roles: ['admin'] }, app: { labels: {} } }),
]

const nameOf = ({ subject, app, context }: AccessQuery) =>
  `${subject.user} to ${app.name}${context.clientIp === null ? ' without an address' : ''}`

/** Only the name counts: the policy under test does not meet the requirements of others. */
const placeholder = (name: string): RequirementKind => ({
  name,
  reason: 'requirement_unmet',
  title: name,
  detail: name,
})

type Decide = ReturnType<typeof createTestHost<'hub'>>['calls']['access']['decide']

/** Asks the taps as the hub does, and notes votes that come too late to count. */
function createPoll(decide: Decide, kinds: ReadonlyMap<string, RequirementKind>) {
  const late: string[] = []
  return {
    late,
    async votesOn(query: AccessQuery) {
      const ballots: Ballot[] = []
      const answer = await decide(query, () => {
        const isLate = () => void late.push(nameOf(query))
        const ballot = new Ballot(kinds, query, isLate)
        ballots.push(ballot)
        return ballot
      })
      // Counting closes the ballots, and calls the methods of the kinds.
      const count = countBallots(answer, query.subject.roles, kinds, Date.now())
      const votes = ballots.map(({ roles, limited, denials, requirements: required }) => ({
        roles,
        limited,
        denials,
        required,
      }))
      const unread = ballots.some(({ denials }) => denials.some(({ reason }) => reason === 'policy_failed'))
      const errors = answer.failed.map(({ error }) => error)
      const failed = unread && errors.length === 0 ? [new Error('it cast a vote that is not valid')] : errors
      return { votes: JSON.stringify({ votes, requirements: count.requirements }), failed }
    },
  }
}

/** Runs with a `Date` that stands at `now`, for policies that do not read the host's clock. */
async function withDate<T>(now: number, run: () => Promise<T>): Promise<T> {
  const Real = globalThis.Date
  globalThis.Date = class extends Real {
    constructor(...given: readonly unknown[]) {
      super(...((given.length === 0 ? [now] : given) as [number]))
    }

    static override now() {
      return now
    }
  } as DateConstructor
  try {
    return await run()
  } finally {
    globalThis.Date = Real
  }
}
