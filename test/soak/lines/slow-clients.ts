import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { captureHello } from '../../traffic/listener/capture-hello.ts'
import { askLive } from '../limits/ask-live.ts'
import { openCrowd, openTcp, openTls } from '../limits/open-clients.ts'
import { settle } from '../limits/settle.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'
import { type OneHub, startOneHub } from '../start-one-hub.ts'

const COUNT = 2_000
const SLOW_MS = 15_000
const HANDSHAKE_MS = 10_000
/** The machine carries both ends, and the hub looks once a second. */
const SLACK_MS = 2_000

export const slowClients = {
  name: 'slow-clients',
  summary:
    'N166 N167: 2,000 connections of each slowhttptest kind (H, B, X) and of half handshakes, beside somebody at work',
  async run(run: SoakRun): Promise<Outcome> {
    const cluster = await startOneHub(run)
    const visitor = await cluster.signIn('worker')
    await askLive(visitor, cluster.liveUrl, 3_000)
    const figures: SoakFigure[] = []
    const attacks: Record<string, () => Promise<readonly Socket[]>> = {
      'slow headers (H)': () =>
        crowd(cluster, (socket) => drip(socket, `${cluster.head(null, 'GET /')}`, 'X-A: b\r\n')),
      'slow body (B)': () =>
        crowd(cluster, (socket) =>
          drip(socket, `${cluster.head(null, 'POST /')}Content-Length: 1000000\r\n\r\n`, 'x'),
        ),
      'slow read (X)': () => crowd(cluster, (socket) => deaf(socket, `${cluster.head(null, 'GET /')}\r\n`)),
      'half handshakes': () => halfHandshakes(cluster),
    }
    for (const [name, attack] of Object.entries(attacks)) {
      run.options.progress(`  ${name}`)
      const before = cluster.descriptors()
      const sockets = await attack()
      const held = cluster.descriptors() - before
      const gone = settle(() => cluster.descriptors() < before + 20, 2 * SLOW_MS, run.signal)
      const work = await askLive(visitor, cluster.liveUrl, 5_000)
      const started = performance.now()
      const signedIn = await cluster.signIn(`new-${figures.length}`).then(() => performance.now() - started)
      const limit = name === 'half handshakes' ? HANDSHAKE_MS : SLOW_MS
      figures.push(
        { what: `${name}: held when the last had come`, value: held, unit: '', limit: null },
        most(`${name}: all closed after`, await gone, 'ms', limit + SLACK_MS),
        most(`${name}: requests of others that failed`, work.failed, '', 0),
        { what: `${name}: p99 of others`, value: work.p99, unit: 'ms', limit: null },
        { what: `${name}: somebody signs in within`, value: signedIn, unit: 'ms', limit: null },
      )
      for (const socket of sockets) socket.destroy()
      const left = (): number => cluster.descriptors() - before
      await settle(() => left() < 20, SLOW_MS, run.signal)
      figures.push(most(`${name}: descriptors left behind`, left(), '', 20))
    }
    return { growths: [], figures }
  },
}

const most = (what: string, value: number, unit: string, limit: number): SoakFigure => ({
  what,
  value,
  unit,
  limit: { kind: 'most', value: limit } as const,
})

const crowd = ({ publicPort, appHost }: OneHub, then: (socket: TLSSocket) => void) =>
  openCrowd(COUNT, (at) => openTls(publicPort, appHost, at), then)

/** Begins a request and goes on a little each second, without an end. */
function drip(socket: TLSSocket, first: string, more: string): void {
  socket.resume()
  socket.write(first)
  const timer = setInterval(() => socket.write(more), 1_000)
  socket.once('close', () => clearInterval(timer))
}

/** Asks again and again and reads nothing. */
function deaf(socket: TLSSocket, request: string): void {
  socket.pause()
  socket.write(request.repeat(20))
}

async function halfHandshakes({ publicPort, appHost }: OneHub): Promise<Socket[]> {
  const hello = await captureHello({ servername: appHost })
  const opened = Array.from({ length: COUNT }, async (_, at) => {
    const socket = openTcp(publicPort, at)
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
    socket.resume()
    if (at % 3 === 1) socket.write(hello.subarray(0, 100))
    else if (at % 3 === 2) socket.write(hello)
    return socket
  })
  return Promise.all(opened)
}
