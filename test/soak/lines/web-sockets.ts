import type { WebSocket } from 'ws'
import { openWebSocket } from '../../e2e/open-web-socket.ts'
import type { Outcome, SoakRun } from '../line.ts'
import { startSoakCluster } from '../start-soak-cluster.ts'

const PEOPLE = 20
const SOCKETS_EACH = 50
const PING_MS = 20_000
const SAMPLE_MS = 30_000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const webSockets = {
  name: 'web-sockets',
  summary: `fault 26: ${PEOPLE * SOCKETS_EACH} WebSockets with pings for --minutes (60 is what is asked for)`,
  async run({ dir, teardown, options, signal }: SoakRun): Promise<Outcome> {
    const cluster = await startSoakCluster({ teardown }, dir)
    cluster.balanceTo(cluster.a)
    const sockets: WebSocket[] = []
    teardown(() => {
      for (const socket of sockets) socket.terminate()
    })
    let dropped = 0
    let pongs = 0
    for (let person = 0; person < PEOPLE; person++) {
      const visitor = await cluster.signIn(`person-${person}`)
      for (let count = 0; count < SOCKETS_EACH; count++) {
        const socket = await openWebSocket(visitor, cluster.liveUrl, '/socket')
        socket.on('error', () => {})
        socket.on('close', () => {
          dropped += 1
        })
        socket.on('pong', () => {
          pongs += 1
        })
        sockets.push(socket)
      }
    }
    options.progress(`  ${sockets.length} WebSockets are open`)
    let pings = 0
    const timer = setInterval(() => {
      for (const socket of sockets) {
        if (socket.readyState !== socket.OPEN) continue
        socket.ping()
        pings += 1
      }
    }, PING_MS)
    teardown(() => clearInterval(timer))
    const untilMs = performance.now() + options.minutes * 60_000
    while (performance.now() < untilMs && !signal.aborted) {
      await pause(SAMPLE_MS)
      for (const watch of cluster.watches) await watch.sample()
    }
    const lost = dropped
    clearInterval(timer)
    await pause(1_000)
    return {
      growths: cluster.watches.flatMap((watch) => watch.growths()),
      figures: [
        { what: 'WebSockets dropped', value: lost, unit: '', limit: { kind: 'most', value: 0 } },
        {
          what: 'pings without an answer',
          value: pings - pongs,
          unit: '',
          limit: { kind: 'most', value: 0 },
        },
      ],
    }
  },
}
