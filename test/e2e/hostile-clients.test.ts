// long
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { systemClock } from '../../core/kernel/clock.ts'
import { adminClient } from '../../core/program/admin/admin-client.ts'
import { seedDatabase } from '../../core/program/dev/database-seed.ts'
import { freePort } from '../../core/testing/index.ts'
import { proveJoin } from '../../core/wire/carrier-proof.ts'
import { startProgram } from '../../examples/cluster/program.ts'
import { until } from '../until.ts'
import { fuzzListeners } from './fuzz-listeners.ts'
import { fuzzStrangers } from './fuzz-strangers.ts'
import { connectCarrier, openHttp2, upgradeCarrier } from './open-carrier.ts'
import './plain-programs.ts'
import { joinToken } from './start-agent.ts'

const BIN = fileURLToPath(new URL('../../core/program/bin.ts', import.meta.url))
const DESCRIPTORS = 400
/** Less than the hub waits for the handshakes that hold its descriptors. */
const REFUSED_MS = 3_000
const HOST = 'hub.mezite.localhost'

const dir = mkdtempSync(join(tmpdir(), 'mezite-hostile-'))
const logFile = join(dir, 'hub.log')
const adminSocket = join(dir, 'data', 'admin.sock')
const [publicPort, diagnosticsPort] = [await freePort(), await freePort()]
writeFileSync(
  join(dir, 'mezhub.yaml'),
  `data_dir: data
proxy:
  listen_addr: 127.0.0.1:${publicPort}
  public_addr: ${HOST}:${publicPort}
  apps_domain: apps.mezite.localhost
  shutdown_delay: '0'
diagnostics: { listen_addr: 127.0.0.1:${diagnosticsPort} }
plugins: { authorization-server: { enabled: true, registration: true }, docs: { public: true } }
`,
  { mode: 0o600 },
)

const logOf = () => readFileSync(logFile, 'utf8')
const readyz = () =>
  fetch(`http://127.0.0.1:${diagnosticsPort}/readyz?deep`).then(
    ({ status }) => status,
    () => 0,
  )

await seedDatabase(join(dir, 'data'))
const hub = await startProgram({
  name: 'hub',
  file: BIN,
  args: ['start', '--config', join(dir, 'mezhub.yaml')],
  logFile,
  ready: () => until(async () => (await readyz()) === 200, 'readiness'),
})
let ended: number | null = null
void hub.exited.then((code) => {
  ended = code
})
t.teardown(async () => {
  await hub.stop()
  rmSync(dir, { recursive: true, force: true })
})

const dial = (localAddress = '127.0.0.1'): Socket => {
  const socket = connect({ port: publicPort, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  socket.resume()
  return socket
}

/** Rejects when the hub closes it, or does not serve it in time. */
function secure(withinMs = 60_000): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      port: publicPort,
      host: '127.0.0.1',
      servername: HOST,
      rejectUnauthorized: false,
    })
    const late = setTimeout(() => socket.destroy(new Error('late')), withinMs)
    socket.once('secureConnect', () => {
      clearTimeout(late)
      resolve(socket)
    })
    socket.on('error', reject)
    socket.once('close', () => {
      clearTimeout(late)
      reject(new Error('closed'))
    })
  })
}

/** One request on a connection that stays: the status of the answer, once its last byte has come. */
async function ask(socket: TLSSocket): Promise<string> {
  let text = ''
  // For the whole answer, since chunks that nobody listens to are lost.
  const collect = (chunk: Buffer): void => {
    text += chunk.toString('latin1')
  }
  socket.on('data', collect)
  socket.write(`GET /v1/webapi/openapi.json HTTP/1.1\r\nHost: ${HOST}:${publicPort}\r\n\r\n`)
  const isComplete = (): boolean => {
    const [head = '', body] = text.split('\r\n\r\n')
    return body !== undefined && body.length === Number(/^content-length: (\d+)$/im.exec(head)?.[1])
  }
  await until(isComplete, 'the whole answer', 60_000)
  socket.off('data', collect)
  return text.slice(0, 12)
}

const overSocket = (path: string): Promise<number> =>
  new Promise((resolve) => {
    const asked = request({ socketPath: adminSocket, path, headers: { host: HOST } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    asked.on('error', () => resolve(0))
    asked.end()
  })

const limitDescriptors = (count: number) =>
  execFileSync('prlimit', [`--pid=${hub.pid}`, `--nofile=${count}:${DESCRIPTORS * 10}`])
const descriptors = () => readdirSync(`/proc/${hub.pid}/fd`)
/** Not files: the database opens more of them in the meantime. A descriptor may be closed before it is read. */
const connections = () =>
  descriptors().filter((descriptor) => {
    try {
      return readlinkSync(`/proc/${hub.pid}/fd/${descriptor}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length

t.test(
  'N168, fault 36 without descriptors the hub refuses new connections, serves old ones, and recovers',
  async (t) => {
    const kept = await secure()
    t.match(await ask(kept), 'HTTP/1.1 200')
    const before = connections()
    const flood: Socket[] = []
    t.teardown(() => {
      for (const socket of flood) socket.destroy()
      limitDescriptors(DESCRIPTORS * 10)
    })
    limitDescriptors(descriptors().length + 60)
    const exhaust = async () => {
      const more = Array.from({ length: 300 }, (_, at) => dial(`127.0.0.${2 + (at % 5)}`))
      flood.push(...more)
      // The hub closes a connection without requests after 10 s, and may accept no other before handshakes end, as late.
      await until(async () => {
        await ask(kept)
        return more.filter(({ destroyed }) => destroyed).length > 200
      }, 'exhaustion')
    }
    await exhaust()
    t.match(await ask(kept), 'HTTP/1.1 200', 'an open connection is served')
    // Strangers that the hub accepted leave after their time, which makes room. The hub closes a new connection at once with a
    // descriptor that it has spare; if its database takes that one at this moment, new connections wait in the kernel.
    let waits = false
    const isRefused = async () => {
      await exhaust()
      const opened = await secure(REFUSED_MS).catch((error: Error) => {
        waits = error.message === 'late'
        return null
      })
      opened?.destroy()
      return opened === null
    }
    await until(isRefused, 'a new one is not served')
    t.ok(!waits || /failed to accept a connection/.test(logOf()), 'closed at once, or the hub says why not')
    t.equal(ended, null)
    for (const socket of flood) socket.destroy()
    await until(() => connections() < before + 30, 'room')
    const again = await secure()
    t.match(await ask(again), 'HTTP/1.1 200', 'it heals by itself')
    again.destroy()
    kept.destroy()
    limitDescriptors(DESCRIPTORS * 10)
    t.equal(await overSocket('/v1/webapi/status'), 200)
  },
)

t.test('R189, R190 strangers get 404 on both carriers, and capsules end no process', async (t) => {
  const at = { port: publicPort, host: HOST }
  for (const hex of ['68430100000000', '990b4d3b020016']) {
    const session = await openHttp2(at)
    t.equal(await connectCarrier(session, Buffer.from(hex, 'hex')), 404, `capsule ${hex}`)
    session.destroy()
    const { status, socket } = await upgradeCarrier(at, Buffer.from(hex, 'hex'))
    t.equal(status, 404, `frame ${hex}`)
    socket.destroy()
  }
  t.equal(ended, null)
  t.equal(await readyz(), 200)
})

t.test('R191 a connection with twelve CONNECTs at once is rejected, and the hub goes on', async (t) => {
  const session = await openHttp2({ port: publicPort, host: HOST })
  const statuses = await Promise.all(
    Array.from({ length: 12 }, () => connectCarrier(session, Buffer.from('990b4d3b020016', 'hex'))),
  )
  t.strictSame(new Set(statuses), new Set([404]))
  session.destroy()
  t.equal(ended, null)
  t.equal(await readyz(), 200)
})

t.test('N174, R190, H113 invalid bytes at every listener and stage end no process', async (t) => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
  const hosts = [HOST, 'a.apps.mezite.localhost', 'elsewhere.example']
  const api = adminClient(adminSocket)
  const { token } = await joinToken(api, 'node-1')
  await api('PUT', '/apps/a', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'a' },
    spec: { uri: 'http://127.0.0.1:9', agents: ['node-1'] },
  })
  const behind = {
    port: publicPort,
    host: HOST,
    appHost: 'a.apps.mezite.localhost',
    prove: proveJoin(token, systemClock),
  }
  const [listeners, strangers] = await Promise.all([
    fuzzListeners({ publicPort, diagnosticsPort, adminSocket, hosts }, seed, 400),
    fuzzStrangers(behind, seed, 240),
  ])
  const done = listeners + strangers
  t.comment(`seed ${seed}, ${done} connections`)
  t.equal(ended, null, `the hub lives (seed ${seed})`)
  t.equal(await readyz(), 200)
  t.equal(await overSocket('/v1/webapi/status'), 200)
  const serious = logOf()
    .split('\n')
    .filter((line) => /"level":"error"|unexpected error|could not be handed over|failed to serve/.test(line))
  t.strictSame(serious, [], `nothing went wrong inside (seed ${seed})`)
})
