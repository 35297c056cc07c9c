/**
 * What steps of plugins on the way of a request cost: three hubs in this process, which differ in one step. Tells when it is ready
 * and then, for each message, the time of each in microseconds. Ends when told.
 */
import { audit, catalog, defineHubPlugin } from '@mezite/core'
import { access } from '@mezite/core/protocol'
import { connectIssuer, createTestHub, FakeIssuer } from '../../../core/testing/index.ts'
import type { StepsResult } from '../rows/steps.ts'

/** Of these the fastest counts: whatever else ran made the others slower. */
const PASSES = 20
/** All passes together stay within what the queue of the audit holds. */
const EVENTS = 150
const REQUESTS = 1_000
const PAUSE_MS = 20
const RULES = 100

interface Hub {
  readonly recordUs: () => number
  /** `paths`: of how many different paths the requests are. */
  readonly decideUs: (paths: number) => number
  /** The audit takes events, without which the gate admits nobody. */
  readonly accepts: () => boolean
  readonly stop: () => Promise<void>
}

const issuer = await FakeIssuer.start()

function timed(times: number, run: (at: number) => void): number {
  const passes = Array.from({ length: PASSES }, (_, pass) => {
    const begun = performance.now()
    for (let at = 0; at < times; at++) run(pass * times + at)
    return ((performance.now() - begun) * 1_000) / times
  })
  return Math.min(...passes)
}

/** `off`: standard plugins that are not loaded; `rules`: of the role, for app-rules. */
async function startHub(off: readonly string[], rules: readonly object[]): Promise<Hub> {
  let hubOf: Omit<Hub, 'stop'>
  let sessionId = ''
  let paths = 0
  const plugin = defineHubPlugin({
    name: 'bench-steps',
    api: 1,
    summary: 'Records events and asks the gate',
    needs: { access, audit, catalog },
    setup({ use, tap }) {
      tap.audit.recorded((event) => {
        if (event.type === 'app.session.opened' || event.type === 'user.login')
          sessionId = String(event.session_id)
      })
      const event = {
        type: 'app.request',
        success: true,
        reason: null,
        user: 'ann@example.com',
        roles: Object.freeze(['bench']),
        clientIp: '127.0.0.1',
        requestId: 'bench',
        fields: {
          app: 'bench',
          agent: 'node-1',
          method: 'GET',
          path: '/reports',
          status: 200,
          bytes_in: 0,
          bytes_out: 1_024,
          duration_ms: 3,
          upgrade: null,
        },
      }
      const decide = (target: string): void => {
        const outcome = use.access.admit({
          protocol: 'http',
          clientIp: '127.0.0.1',
          requestId: 'bench',
          who: { kind: 'hub', sessionId },
          app: use.catalog.byName('bench'),
          request: { method: 'GET', target, upgrade: false },
        })
        if (outcome instanceof Promise || outcome.outcome !== 'admitted')
          throw new Error(`${target} is not allowed: ${outcome instanceof Promise ? 'later' : outcome.code}`)
        outcome.close()
      }
      hubOf = {
        recordUs: () => timed(EVENTS, () => use.audit.record(event)),
        decideUs: (many) => {
          if (many > 1) paths += many
          const from = many > 1 ? paths : 0
          return timed(REQUESTS, (at) => decide(`/area-7/reports/${from + (at % many)}`))
        },
        accepts: () => use.audit.accepting,
      }
    },
  })
  const hub = await createTestHub({
    plugins: [plugin],
    config: { plugins: Object.fromEntries(off.map((name) => [name, false])) },
  })
  await connectIssuer(hub, issuer, {
    bench: { allow: { app_labels: { team: 'bench' }, ...(rules.length > 0 && { app_rules: rules }) } },
  })
  await hub.api('PUT', '/apps/bench', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'bench', labels: { team: 'bench' } },
    spec: { uri: 'http://127.0.0.1:1', agents: ['node-1'] },
  })
  issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: ['bench'] }
  await hub.visitor().open(`${hub.signInUrl}/web/login?connector=sso`)
  return { ...hubOf!, stop: hub.stop }
}

const rules = Array.from({ length: RULES }, (_, at) => ({ methods: ['GET'], paths: [`/area-${at}/**`] }))
const standard = await startHub([], [])
const without = await startHub(['dashboard', 'access-requests'], [])
const ruled = await startHub([], rules)

process.on('SIGTERM', () => {
  void Promise.all([standard, without, ruled].map(({ stop }) => stop()))
    .then(() => issuer.close())
    .then(() => process.exit(0))
})
process.on('message', async () => {
  while (![standard, without, ruled].every((hub) => hub.accepts()))
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  process.send?.({
    decided: standard.decideUs(1),
    ruled: ruled.decideUs(1),
    ruledOther: ruled.decideUs(PASSES * REQUESTS),
    recorded: standard.recordUs(),
    unwatched: without.recordUs(),
  } satisfies StepsResult)
})
process.send?.({ ready: true })
