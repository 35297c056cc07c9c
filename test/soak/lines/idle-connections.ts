import type { TLSSocket } from 'node:tls'
import { cpuMicroseconds, residentKb } from '../../bench/processes.ts'
import { openCrowd, openTls } from '../limits/open-clients.ts'
import { percentile } from '../limits/percentile.ts'
import type { Outcome, SoakRun } from '../line.ts'
import { startOneHub } from '../start-one-hub.ts'

const EACH = 5_000
const IDLE_MS = 15_000
/** V8 tidies up after a crowd has come, once or twice, and half a second each time. */
const SETTLE_MS = 25_000
const HANDSHAKE =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'

export const idleConnections = {
  name: 'idle-connections',
  summary:
    'fault 25: 10,000 connections that only wait: 5,000 after a request, 5,000 WebSockets; then somebody signs in',
  async run(run: SoakRun): Promise<Outcome> {
    const cluster = await startOneHub(run, {
      'http-apps': { requests_per_person: 20_000, requests_per_app: 20_000 },
    })
    const { publicPort, appHost, hub } = cluster
    const visitor = await cluster.signIn('idler')
    const { pid } = hub.program
    const open = (at: number) => openTls(publicPort, appHost, at)
    const say = (text: string) => (socket: TLSSocket) =>
      new Promise<void>((resolve) => {
        socket.write(text)
        socket.once('data', () => resolve())
        socket.once('close', () => resolve())
      })
    // What the first connections cost is not what one costs.
    for (const warm of await openCrowd(200, open, say(`${cluster.head(visitor, 'GET /')}\r\n`)))
      warm.destroy()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const atStart = residentKb(pid)
    const kept = await openCrowd(EACH, open, say(`${cluster.head(visitor, 'GET /download?bytes=10')}\r\n`))
    const withKept = residentKb(pid)
    run.options.progress(`  ${kept.length} connections kept`)
    const upgraded = await openCrowd(
      EACH,
      open,
      say(`${cluster.head(visitor, 'GET /socket')}${HANDSHAKE}\r\n`),
    )
    const withAll = residentKb(pid)
    run.options.progress(`  ${upgraded.length} WebSockets`)

    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const cpuBefore = cpuMicroseconds(pid)
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
    const cpu = (cpuMicroseconds(pid) - cpuBefore) / (IDLE_MS * 10)
    const logins: number[] = []
    for (let at = 0; at < 10; at++) {
      const started = performance.now()
      await cluster.signIn(`new-${at}`)
      logins.push(performance.now() - started)
    }
    const alive = upgraded.filter(({ destroyed }) => !destroyed).length
    for (const socket of [...kept, ...upgraded]) socket.destroy()
    return {
      growths: [],
      figures: [
        { what: 'connections', value: kept.length, unit: '', limit: { kind: 'least', value: EACH } },
        {
          what: 'WebSockets that live at the end',
          value: alive,
          unit: '',
          limit: { kind: 'least', value: EACH },
        },
        ...[
          {
            what: 'hub: memory of an idle connection',
            value: (withKept - atStart) / EACH,
            unit: 'KB',
            most: 100,
          },
          {
            what: 'hub: memory of an idle WebSocket',
            value: (withAll - withKept) / EACH,
            unit: 'KB',
            most: 100,
          },
          { what: 'hub: processor while all idle', value: cpu, unit: '%', most: 5 },
          {
            what: 'signing in meanwhile, median of 10',
            value: percentile(logins, 0.5),
            unit: 'ms',
            most: 300,
          },
        ].map(({ most, ...figure }) => ({ ...figure, limit: { kind: 'most', value: most } as const })),
      ],
    }
  },
}
