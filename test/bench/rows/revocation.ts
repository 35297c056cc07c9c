import { openWebSocket } from '../../e2e/open-web-socket.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { type Figure, most } from '../row.ts'
import { quantile } from '../statistics.ts'
import type { Ours } from '../targets/ours.ts'

const REVOCATIONS_PER_ROUND = 4
const DEADLINE_MS = 10_000

/** When a stream is seen to have ended, on the clock of `performance`. */
type Ended = Promise<number>

export const revocation = {
  name: 'revocation',
  summary: 'from the call that revokes a session to the end of its download, WebSocket and event stream',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const ours = await machine.ours()
    const took: number[] = []
    for (let round = 0; round <= machine.options.rounds; round++) {
      machine.options.progress(`  round ${round} of ${machine.options.rounds}`)
      for (let count = 0; count < REVOCATIONS_PER_ROUND; count++) {
        const times = await revokeOne(ours)
        if (round > 0) took.push(...times)
      }
    }
    const figure = (what: string, share: number): Figure => ({
      ...{ what, ours: quantile(took, share), unit: 'ms', against: null, ratio: null },
      goal: share > 0.9 ? most(1000, 1000) : null,
    })
    return [figure('revoked to cut, p50', 0.5), figure('revoked to cut, p99', 0.99)]
  },
}

async function revokeOne({ api, url, visitor }: Ours): Promise<number[]> {
  const before = new Set((await hubSessions(api)).map(({ id }) => id))
  const someone = await visitor()
  const mine = (await hubSessions(api)).find(({ id }) => !before.has(id))
  if (!mine) throw new Error('signing in opened no session')
  const socket = await openWebSocket(someone, url)
  socket.on('error', () => {})
  const ends: Ended[] = [new Promise((resolve) => socket.on('close', () => resolve(performance.now())))]
  for (const path of ['/drip', '/events']) {
    const response = await someone.stream(`${url}${path}`, { timeoutMs: 2 * DEADLINE_MS })
    response.on('error', () => {})
    response.resume()
    ends.push(new Promise((resolve) => response.on('close', () => resolve(performance.now()))))
  }
  const revoked = performance.now()
  await api('DELETE', `/sessions/${mine.id}`)
  const late = AbortSignal.timeout(DEADLINE_MS)
  const never = new Promise<never>((_, reject) => {
    late.onabort = () => reject(new Error(`a revoked session had live streams after ${DEADLINE_MS} ms`))
  })
  return Promise.race([Promise.all(ends.map(async (ended) => (await ended) - revoked)), never])
}

async function hubSessions(api: Ours['api']): Promise<{ id: string }[]> {
  const sessions = await api<{ id: string; kind: string }[]>('GET', '/sessions')
  return sessions.filter(({ kind }) => kind === 'hub')
}
