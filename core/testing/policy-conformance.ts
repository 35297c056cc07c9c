import type { App } from '../api/app.ts'
import type { AccessQuery, Vote } from '../api/decision.ts'
import { deepFreeze } from '../hub/config/config-defaults.ts'
import { messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import type { ConformTest } from './conformance-test.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

/** Inputs of `conformPolicy`. */
export interface ConformPolicyOptions extends TestHostOptions {
  /** Queries that the policy votes on. Default: two people and two apps. */
  readonly queries?: readonly AccessQuery[]
}

const REASON = /^[a-z][a-z0-9_]{0,63}$/
const HOUR_MS = 3_600_000
/** From the next minute to the next year, so that hours, days of the week and months differ. */
const MOVES_MS = [
  60_000,
  ...Array.from({ length: 24 }, (_, hour) => (hour + 1) * HOUR_MS),
  180 * 24 * HOUR_MS,
  365 * 24 * HOUR_MS,
]

/** A complete query for tests of policies, in which `app` and `subject` replace members. */
export function testQuery(
  changes: { app?: Partial<App>; subject?: Partial<AccessQuery['subject']> } = {},
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
      ...{
        id: '0191f0a2-0000-7000-8000-000000000001',
        name: 'wiki',
        description: null,
        labels: { env: 'prod' },
      },
      ...{
        uri: 'http://127.0.0.1:1',
        protocol: 'http',
        publicAddr: 'wiki.apps.example.com',
        agents: ['node-1'],
      },
      ...{
        enabled: true,
        tls: { verify: true, serverName: null, ca: null },
        rewriteHost: 'preserve',
        httpVersion: '1.1',
      },
      ...{
        identityHeaders: {},
        headers: { request: headers, response: headers },
        origins: [],
        expires: null,
      },
      timeouts: { connectMs: 5_000, responseMs: 60_000, idleMs: HOUR_MS },
      ...changes.app,
    },
    context: { protocol: 'http', clientIp: '203.0.113.7' },
  } satisfies AccessQuery)
}

/**
 * Checks a policy: it votes on frozen queries without an error, with reasons in snake_case, equally for equal queries, and,
 * if its taps are `pure`, independently of the clock. A pure tap that reads the time would be wrong until access data change.
 */
export function conformPolicy(t: ConformTest, plugin: AnyPlugin, options: ConformPolicyOptions = {}): void {
  const { queries = QUERIES, ...host } = options

  t.test('it taps access.decide', async (t) => {
    t.ok(
      createTestHost(plugin, host).taps.some(({ hook }) => hook === 'access.decide'),
      'at least once',
    )
  })

  t.test('it votes on every query without an error, and equally when asked again', async (t) => {
    const { calls } = createTestHost(plugin, host)
    for (const query of queries) {
      const one = await votesOn(calls.access.decide, query)
      t.ok(one.failed.length === 0, `${nameOf(query)}: ${one.failed.map(messageOf).join('; ') || 'no error'}`)
      t.ok(
        one.reasons.every((reason) => REASON.test(reason)),
        `${nameOf(query)}: reasons in snake_case`,
      )
      const other = await votesOn(calls.access.decide, query)
      t.ok(one.votes === other.votes, `${nameOf(query)}: ${one.votes} and ${other.votes}`)
    }
  })

  t.test('a pure policy does not depend on the clock', async (t) => {
    const { calls, clock } = createTestHost(plugin, host)
    if (!calls.access.decide.pure) return void t.ok(true, 'it is not pure')
    for (const query of queries) {
      const now = await votesOn(calls.access.decide, query)
      for (const ms of MOVES_MS) {
        clock.advance(ms)
        const later = await withDate(clock.now(), () => votesOn(calls.access.decide, query))
        t.ok(
          later.votes === now.votes,
          `${nameOf(query)}, ${ms / 60_000} minutes later: ${now.votes}, ${later.votes}`,
        )
      }
    }
  })
}

const QUERIES = [
  testQuery(),
  testQuery({ subject: { user: 'bob', roles: [] } }),
  testQuery({ app: { name: 'redis', protocol: 'tcp', uri: 'tcp://127.0.0.1:1', labels: {} } }),
  Object.freeze({ ...testQuery(), context: Object.freeze({ protocol: 'http', clientIp: null }) }),
]

const nameOf = ({ subject, app }: AccessQuery) => `${subject.user} to ${app.name}`

type Decide = ReturnType<typeof createTestHost<'hub'>>['calls']['access']['decide']

async function votesOn(decide: Decide, query: AccessQuery) {
  const votes: string[] = []
  const reasons: string[] = []
  const ballot: Vote = {
    allow: (role) => void votes.push(`allow ${role}`),
    deny: (reason) => {
      reasons.push(reason)
      votes.push(`deny ${reason}`)
    },
    require: (requirement) => void votes.push(`require ${JSON.stringify(requirement)}`),
  }
  const { failed } = await decide(query, () => ballot)
  return { votes: votes.join(', ') || 'no vote', reasons, failed: failed.map(({ error }) => error) }
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
