import type { Visitor } from '../../../core/testing/index.ts'
import { until } from '../../until.ts'
import type { Part, SoakCluster } from '../start-soak-cluster.ts'

/** A part that breaks; resolves when it is mended, which is not yet recovered. Throws when the outcome is wrong. */
export interface Failure {
  readonly name: string
  run(): Promise<void>
}

const DOWN_MS = 2_000
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function kill(part: Part): Promise<void> {
  part.program.signal('SIGKILL')
  await part.program.exited
}

export function failuresOf(cluster: SoakCluster): Failure[] {
  const { a, b, nodes, live, liveUrl, networks, postgres } = cluster
  const [, second] = nodes
  const victim = 'victim@example.com'
  // A balancer asks whether a hub is ready; the agents it has are known here only.
  const comeBack = async () => {
    cluster.balanceTo(a)
    await b.restart()
    await cluster.agentsOf(b)
    cluster.balanceTo(a, b)
  }
  const statusOf = async (visitor: Visitor) =>
    (await visitor.fetch(`${liveUrl}/download?bytes=1`, { headers: { accept: 'application/json' } })).status

  return [
    {
      name: 'app restarted',
      async run() {
        await live.program.stop()
        await pause(DOWN_MS)
        await live.restart()
      },
    },
    {
      name: 'agent killed and restarted',
      async run() {
        await kill(second)
        await pause(DOWN_MS)
        await second.restart()
      },
    },
    {
      name: 'tunnels cut, three times',
      async run() {
        for (let at = 0; at < 3; at++) {
          for (const network of networks) network.cut()
          await pause(DOWN_MS)
        }
      },
    },
    {
      name: 'person locked',
      async run() {
        const visitor = await cluster.signIn('victim')
        const { id } = await a.api<{ id: string }>('POST', '/locks', { target: { user: victim } })
        await until(async () => (await statusOf(visitor)) === 403, 'the locked person is refused', 5_000)
        await a.api('DELETE', `/locks/${id}`)
      },
    },
    {
      name: 'session revoked',
      async run() {
        const visitor = await cluster.signIn('victim')
        const sessions = await a.api<{ id: string; user: string; kind: string }[]>('GET', '/sessions')
        for (const { id, user, kind } of sessions) {
          if (user === victim && kind === 'hub') await a.api('DELETE', `/sessions/${id}`)
        }
        await until(async () => (await statusOf(visitor)) === 401, 'the session is over', 5_000)
      },
    },
    {
      name: 'database restarted',
      async run() {
        await postgres.stop()
        await pause(DOWN_MS)
        await postgres.start()
      },
    },
    {
      name: 'hub drained and restarted',
      async run() {
        b.program.signal('SIGTERM')
        const code = await b.program.exited
        if (code !== 0) throw new Error(`a hub that was told to stop exits with ${code}`)
        await comeBack()
      },
    },
    {
      name: 'hub killed and restarted',
      async run() {
        b.program.signal('SIGKILL')
        await b.program.exited
        await pause(DOWN_MS)
        await comeBack()
      },
    },
  ]
}
