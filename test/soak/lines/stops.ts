import { Agent } from 'node:https'
import { freePort } from '../../../core/program/dev/free-port.ts'
import { startTwoHubs } from '../../e2e/start-two-hubs.ts'
import { retryUnanswered } from '../../e2e/steady-requests.ts'
import { startProgram } from '../../traffic/listener/start-program.ts'
import type { Outcome, SoakRun } from '../line.ts'
import { unlimited } from '../start-one-hub.ts'

const EVERY_MS = 20
const ROUNDS = 2
const env = {
  ...unlimited,
  MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_OTHER: '100000',
  MEZITE_PROXY_SHUTDOWN_DELAY: '5s',
}
/** The balancer looks every 2 s, and once more before the first round. */
const LOOK_MS = 4_500

export const stops = {
  name: 'stops',
  summary: `fault 3: ${2 * ROUNDS} hubs get SIGTERM behind HAProxy, which looks at /readyz every 2 s; nobody is refused or reset`,
  async run({ teardown, signal, options }: SoakRun): Promise<Outcome> {
    const hubs = await startTwoHubs({ teardown }, { env: () => env })
    const port = await freePort()
    const servers = [hubs.a, hubs.b].map(
      ({ name, port, diagnosticsPort }) => `  server ${name} 127.0.0.1:${port} check port ${diagnosticsPort}`,
    )
    const config = `
defaults
  mode tcp
  retries 0
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend public
  bind 127.0.0.1:${port}
  default_backend mezite
backend mezite
  option httpchk GET /readyz
  default-server inter 2s fall 1 rise 1
${servers.join('\n')}
`
    const balancer = await startProgram('haproxy', ['-f', 'haproxy.cfg'], port, { 'haproxy.cfg': config })
    teardown(() => balancer.stop())

    const visitor = hubs.visitor()
    const kept = new Agent({ keepAlive: true, maxSockets: 8, ...(visitor.ca && { ca: visitor.ca }) })
    teardown(() => kept.destroy())
    const failures: string[] = []
    let count = 0
    const ask = async (agent?: Agent): Promise<void> => {
      count += 1
      const url = `https://hub.mezite.localhost:${port}/v1/webapi/openapi.json`
      // A connection that was kept may close while a request is on its way; browsers send it again.
      const fetch = (kept: boolean) => visitor.fetch(url, agent && kept ? { agent } : {})
      const failed = await (agent ? retryUnanswered(fetch) : fetch(false)).then(
        ({ status }) => (status === 200 ? null : String(status)),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      )
      if (failed !== null) failures.push(failed)
    }
    const pending = new Set<Promise<void>>()
    const timer = setInterval(() => {
      for (const agent of [kept, undefined]) {
        const one: Promise<void> = ask(agent).finally(() => pending.delete(one))
        pending.add(one)
      }
    }, EVERY_MS)
    teardown(() => clearInterval(timer))
    const codes: number[] = []
    for (let round = 0; round < ROUNDS && !signal.aborted; round++)
      for (const hub of [hubs.a, hubs.b]) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
        hub.program.signal('SIGTERM')
        codes.push(await hub.program.exited)
        options.progress(
          `  ${hub.name} stopped; ${failures.length} of ${count} requests failed ${[...new Set(failures)].join(', ')}`,
        )
        await hub.restart()
      }
    clearInterval(timer)
    await Promise.all(pending)
    const none = { kind: 'most', value: 0 } as const
    return {
      growths: [],
      figures: [
        { what: 'requests', value: count, unit: '', limit: { kind: 'least', value: 1_000 } },
        { what: 'refused, reset or failed', value: failures.length, unit: '', limit: none },
        { what: 'hubs that did not exit with 0', value: codes.filter(Boolean).length, unit: '', limit: none },
      ],
    }
  },
}
