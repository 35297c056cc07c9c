import { register } from '../../e2e/resources.ts'
import { askLive } from '../limits/ask-live.ts'
import { openCrowd, openTls } from '../limits/open-clients.ts'
import type { Outcome, SoakRun } from '../line.ts'
import { startOneHub } from '../start-one-hub.ts'

const PER_APP = 200
const LOAD_MS = 20_000
/** Requests a second that a hub on two shared cores is asked for here. */
const RATED = 200

export const fairness = {
  name: 'fairness',
  summary:
    'N169 N173: one app at its cap and refused over and over, beside requests to another app; lag of the event loop',
  async run(run: SoakRun): Promise<Outcome> {
    const cluster = await startOneHub(run, { 'http-apps': { requests_per_app: PER_APP } })
    const { publicPort, hub, site, livePort } = cluster
    await register(hub.api, 'busy', livePort, { agents: ['node-1'] })
    const visitor = await cluster.signIn('worker')
    const busyUrl = site.appUrl('busy')
    const { host, hostname } = new URL(busyUrl)
    await visitor.open(`${busyUrl}/download?bytes=1`)
    await askLive(visitor, cluster.liveUrl, 5_000)
    await lagMs(cluster.diagnosticsPort)
    const quiet = await askLive(visitor, cluster.liveUrl, LOAD_MS, { everyMs: 1_000 / RATED })
    const quietLag = await lagMs(cluster.diagnosticsPort)

    // Uploads that never end hold their places and cost nothing.
    const head = `POST /upload HTTP/1.1\r\nHost: ${host}\r\nCookie: ${visitor.cookies(host)}\r\nContent-Length: 99999999\r\n\r\n`
    const held = await openCrowd(
      PER_APP,
      (at) => openTls(publicPort, hostname, at),
      (socket) => void socket.resume().write(head),
    )
    let refused = 0
    const more = setInterval(() => {
      void visitor.fetch(`${busyUrl}/download?bytes=1`).then(
        ({ status }) => {
          if (status === 503) refused += 1
        },
        () => {},
      )
    }, 50)
    const full = await askLive(visitor, cluster.liveUrl, LOAD_MS, { everyMs: 1_000 / RATED })
    const fullLag = await lagMs(cluster.diagnosticsPort)
    clearInterval(more)
    const alive = held.filter(({ destroyed }) => !destroyed).length
    for (const socket of held) socket.destroy()
    const limit = (value: number) => ({ kind: 'most', value }) as const
    return {
      growths: [],
      figures: [
        {
          what: 'requests that the busy app holds',
          value: alive,
          unit: '',
          limit: { kind: 'least', value: PER_APP },
        },
        {
          what: 'refused meanwhile with app_limit',
          value: refused,
          unit: '',
          limit: { kind: 'least', value: 100 },
        },
        { what: 'requests of the other app that failed', value: full.failed, unit: '', limit: limit(0) },
        { what: 'p99 of the other app before', value: quiet.p99, unit: 'ms', limit: null },
        { what: 'p99 of the other app meanwhile', value: full.p99, unit: 'ms', limit: null },
        { what: 'p99 meanwhile, of that before', value: full.p99 / quiet.p99, unit: '', limit: limit(1.2) },
        {
          what: `event loop lag p99 at ${RATED} requests a second`,
          value: quietLag,
          unit: 'ms',
          limit: limit(50),
        },
        { what: 'the same with the busy app', value: fullLag, unit: 'ms', limit: limit(50) },
      ],
    }
  },
}

/** Since it was last asked. */
async function lagMs(diagnosticsPort: number): Promise<number> {
  const text = await fetch(`http://127.0.0.1:${diagnosticsPort}/metrics`).then((answer) => answer.text())
  return Number(/^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1]) * 1_000
}
