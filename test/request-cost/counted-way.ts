import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { adminClient, connectIssuer, FakeIssuer, startPostgres, Visitor } from '../../core/testing/index.ts'
import { nextMessage } from '../bench/children.ts'
import { heads, type Target } from '../bench/target.ts'
import type { StartedHub } from './counted-hub.ts'
import type { CountOrder, CountReport } from './exact-counts.ts'

/**
 * With these, V8 optimizes after hundreds of calls instead of thousands, as it has in a hub that has run for a minute, and
 * collects no garbage meanwhile.
 */
const FLAGS = [
  ...['--min-semi-space-size=128', '--max-semi-space-size=128'],
  ...['--invocation-count-for-maglev=40', '--invocation-count-for-turbofan=150'],
]

/** A request on the way that is counted: path, and header lines beyond those of every request. */
export interface CountedRequest {
  readonly path: string
  readonly fields: readonly string[]
}

export interface CountedWay {
  /** Sends it so many times on one kept connection, each after the response to the one before. */
  get(request: CountedRequest, times: number): Promise<void>
  count(part: 'hub' | 'agent', order: CountOrder): Promise<CountReport>
}

/** A hub on PostgreSQL and an agent, each a process, an application, and one kept connection of somebody who has signed in. */
export async function openCountedWay(t: Test): Promise<CountedWay> {
  const start = (file: string, flags: readonly string[], ...args: readonly string[]): ChildProcess => {
    const execArgv = ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning', ...flags]
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv })
    t.teardown(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill()
      await once(child, 'exit')
    })
    return child
  }
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  // The embedded database would write the events in the process that is counted.
  const config: { database?: object } = {}
  if (process.env.MEZITE_TEST_POSTGRES === undefined) {
    const postgres = await startPostgres()
    t.teardown(() => postgres.close())
    config.database = { driver: 'postgres', url: await postgres.createDatabase() }
  }
  const app = start('../bench/programs/upstream-app.ts', [])
  const { port } = (await nextMessage(app)) as { port: number }
  const hub = start('counted-hub.ts', FLAGS, JSON.stringify(config))
  const started = (await nextMessage(hub)) as StartedHub
  const { url, signInUrl, appUrl, ca, dataDir } = started
  const agent = start('counted-agent.ts', FLAGS, url, dataDir)
  const { hostname } = (await nextMessage(agent)) as { hostname: string }

  const api = adminClient(join(dataDir, 'admin.sock'))
  const visitor = new Visitor(ca)
  await connectIssuer({ api } as Parameters<typeof connectIssuer>[0], issuer, {
    platform: { allow: { app_labels: { team: 'platform' } } },
  })
  await api('PUT', '/apps/bench', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'bench', labels: { team: 'platform' } },
    spec: { uri: `http://127.0.0.1:${port}`, agents: [hostname] },
  })
  issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: ['platform'] }
  await visitor.open(`${signInUrl}/web/login?connector=sso`)
  const page = await visitor.open(`${appUrl}/bytes/1`)
  if (page.status !== 200) throw new Error(`signing in ended with ${page.status} at ${page.url}`)

  const { host, hostname: name, port: hubPort } = new URL(appUrl)
  const target: Target = {
    name: 'hub',
    port: Number(hubPort),
    host: name,
    includes: '',
    processes: {},
    cookie: () => visitor.cookies(host) ?? '',
  }
  const socket = connect({ host: '127.0.0.1', port: Number(hubPort), servername: name, ca })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  socket.setNoDelay(true)
  return {
    async get({ path, fields }, times) {
      const [head = ''] = heads(target, 1, `GET ${path}`, fields)
      for (let left = times; left > 0; left--) await exchange(socket, head)
    },
    async count(part, order) {
      const child = part === 'hub' ? hub : agent
      child.send(order)
      return (await nextMessage(child)) as CountReport
    },
  }
}

/** Resolves with the end of the response; rejects for another status than 200. */
function exchange(socket: TLSSocket, head: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let text = ''
  const ondata = (chunk: Buffer): void => {
    text += chunk.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1])
    if (end < 0 || text.length < end + 4 + length) return
    if (text.startsWith('HTTP/1.1 200 ')) resolve()
    else reject(new Error(`the response was ${text.slice(0, 300)}`))
  }
  const onclose = (): void => reject(new Error('the hub closed the connection'))
  socket.on('data', ondata).once('close', onclose)
  socket.write(head, 'latin1')
  return promise.finally(() => socket.off('data', ondata).off('close', onclose))
}
