// together: tunnels
import { createServer as createHttp2Server } from 'node:http2'
import { connect } from 'node:net'
import t from 'tap'
import { createIdentityStore } from '../../agent/identity-store.ts'
import { readReason } from '../../agent/refusals.ts'
import { createLog } from '../../core/base/log/program-log.ts'
import { connectHub } from '../../core/wire/hub-connection.ts'
import { anyTables } from '../any-tables.ts'
import { startStopwatch } from '../stopwatch.ts'
import { startTunnelHub, type TunnelHub } from '../traffic/tunnel/start-tunnel-hub.ts'

interface Line {
  readonly msg: string
  readonly reason?: string
  readonly hint?: string
}

/** A hub with the agent `node-1`, and what that logs. */
async function start(t: { teardown(run: () => unknown): void; testdir(): string }) {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const lines: Line[] = []
  const log = createLog({ write: (line) => void lines.push(JSON.parse(line) as Line) })
  const dataDir = t.testdir()
  await hub.agent({ token: await hub.token(), dataDir, log }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  const heard = (msg: string, reason: string): Promise<void> =>
    hub.until(
      () => lines.some((line) => line.msg === msg && line.reason === reason),
      `'${msg}' for ${reason} is in ${JSON.stringify(lines)}`,
    )
  return { hub, dataDir, lines, heard }
}

const remove = (hub: TunnelHub) =>
  hub.revisions.write(async (trx, change) => {
    await anyTables(trx).deleteFrom('agents').where('hostname', '=', 'node-1').execute()
    change.touch('agent', 'node-1')
  })

t.test(
  'J130 a locked agent learns that it is locked, when it is cut and at every try, and reconnects later',
  async (t) => {
    const { hub, lines, heard } = await start(t)
    hub.locked.add('node-1')
    await hub.revisions.write(async (_trx, change) => change.touch('lock', 'x'))
    await heard('lost the link to the hub', 'agent_locked')
    await heard('the hub did not accept the link', 'agent_locked')
    t.match(lines.find((line) => line.reason)?.hint, /administrator has locked/)
    hub.locked.clear()
    await hub.until(() => hub.tunnel.links().length === 1, 'it is back')
    t.notOk(lines.some(({ reason }) => reason === 'hub_stopping' || reason === 'connection_lost'))
  },
)

t.test('J130 a removed agent learns that it must join again', async (t) => {
  const { hub, lines, heard } = await start(t)
  await remove(hub)
  await heard('lost the link to the hub', 'agent_unknown')
  await heard('the hub did not accept the link', 'agent_unknown')
  t.match(lines.find((line) => line.reason)?.hint, /was removed. Create a token/)
})

t.test('J129 a replaced agent learns of its replacement, and a stopping hub sends its stop', async (t) => {
  const { hub, dataDir, heard } = await start(t)
  const other = hub.agent({ dataDir })
  await other.start()
  await heard('lost the link to the hub', 'replaced')
  await other.stop(500)
  await hub.until(() => hub.tunnel.links().length === 1, 'the first one is back')
  await hub.tunnel.drain(AbortSignal.timeout(5_000))
  await heard('lost the link to the hub', 'hub_stopping')
})

t.test('an older agent that is refused sees its connection end within a second, as ever', async (t) => {
  const { hub, dataDir } = await start(t)
  const identity = createIdentityStore(dataDir).read()
  if (!identity) throw new Error('no identity')
  await remove(hub)
  const socket = await connectHub({
    carrier: connect(hub.port, '127.0.0.1'),
    host: '127.0.0.1',
    alpn: ['mezite-tunnel/1'],
    ...identity,
  })
  const server = createHttp2Server()
  let goaways = 0
  server.on('session', (session) => {
    session.on('error', () => {})
    session.on('goaway', () => {
      goaways += 1
    })
  })
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.close(7)
  })
  const watch = startStopwatch()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  server.emit('connection', socket)
  await closed
  t.ok(watch.took() < 5_000)
  t.equal(goaways, 0, 'it would take that for a hub that stops, and keep its join token')
})

t.test('an agent accepts only a known code as the reason', (t) => {
  t.equal(readReason(Buffer.from('agent_locked')), 'agent_locked')
  for (const given of ['', 'Agent', 'a b', 'a\n', 'x'.repeat(65), '\u001b[2J'])
    t.equal(readReason(Buffer.from(given)), null)
  for (const given of [undefined, 5, ['agent_locked']]) t.equal(readReason(given), null)
  t.end()
})
