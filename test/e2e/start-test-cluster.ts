import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AdminClient, adminClient } from '../../core/testing/index.ts'
import { createTestDatabase } from '../../core/testing/test-database.ts'
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
  /** The JSON API as the operator; `mezctl` is a process for each call. */
  readonly api: AdminClient
  /** Serves `listener` on loopback and publishes it under the name; without `labels`, role `platform` allows it. */
  publish(
    name: string,
    listener: RequestListener,
    labels?: Readonly<Record<string, string>>,
  ): Promise<TestApp>
}

/** The example's cluster, built programs and all, on free ports in a folder of its own; gone with the test. */
export async function startTestCluster(
  t: { teardown(fn: () => unknown): void },
  options: Pick<ClusterOptions, 'plugins'> = {},
): Promise<TestCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-e2e-'))
  const dataDir = join(dir, 'hub')
  const { url, drop } = await createTestDatabase(dataDir)
  const cluster = await startCluster({
    ...options,
    dir,
    hubPort: 0,
    idpPort: 0,
    onStep: () => {},
    transport: process.env.MEZITE_TEST_TRANSPORT,
    ...(url === null ? {} : { databaseUrl: url }),
  })
  const api = adminClient(join(dataDir, 'admin.sock'))
  const servers: Server[] = []
  t.teardown(async () => {
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
    await cluster.stop()
    await drop()
    rmSync(dir, { recursive: true, force: true })
  })

  const publish: TestCluster['publish'] = async (
    name,
    listener,
    labels = { env: 'demo', team: 'platform' },
  ) => {
    const requests: IncomingMessage[] = []
    const server = createServer((request, response) => {
      requests.push(request)
      listener(request, response)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels },
      spec: { uri: `http://127.0.0.1:${port}`, agents: ['demo-node'] },
    })
    const url = cluster.apps.live.replace('//live.', `//${name}.`)
    return { name, url, host: new URL(url).host, server, requests }
  }
  return { ...cluster, api, dir, hubPort: Number(new URL(cluster.hubUrl).port), publish }
}
