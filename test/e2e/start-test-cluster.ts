import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seedDatabase } from '../../core/testing/database-seed.ts'
import { type Cluster, type ClusterOptions, startCluster } from '../../examples/cluster/cluster.ts'
import './plain-programs.ts'

export interface TestApp {
  readonly name: string
  readonly url: string
  readonly host: string
  readonly server: Server
  /** Every request that reached the application, oldest first. */
  readonly requests: IncomingMessage[]
}

export interface TestCluster extends Cluster {
  readonly dir: string
  readonly hubPort: number
  /** Serves `listener` on loopback and publishes it under the name, with a label that role `platform` allows. */
  publish(name: string, listener: RequestListener): Promise<TestApp>
}

/** The example's cluster, built programs and all, on free ports in a folder of its own; gone with the test. */
export async function startTestCluster(
  t: { teardown(fn: () => unknown): void },
  options: Pick<ClusterOptions, 'appsBelowHub' | 'plugins'> = {},
): Promise<TestCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-e2e-'))
  await seedDatabase(join(dir, 'hub'))
  const transport = process.env.MEZITE_TEST_TRANSPORT
  const cluster = await startCluster({ ...options, dir, hubPort: 0, idpPort: 0, onStep: () => {}, transport })
  const servers: Server[] = []
  t.teardown(async () => {
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
    await cluster.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  const publish = async (name: string, listener: RequestListener): Promise<TestApp> => {
    const requests: IncomingMessage[] = []
    const server = createServer((request, response) => {
      requests.push(request)
      listener(request, response)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await cluster.mezctl(
      ...['apps', 'register', '--name', name, '--uri', `http://127.0.0.1:${port}`],
      ...['--labels', 'env=demo,team=platform', '--agent-hostname', 'demo-node'],
    )
    const url = cluster.apps.live.replace('//live.', `//${name}.`)
    return { name, url, host: new URL(url).host, server, requests }
  }
  return { ...cluster, dir, hubPort: Number(new URL(cluster.hubUrl).port), publish }
}
