// together: tunnels
/** The second connection of an agent, which small exchanges use beside a bulk transfer. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import type { LiveLink } from '../../../core/traffic/tunnel/link.ts'
import { drain, joined, startApp } from './start-app.ts'
import { type TunnelHub, testApp } from './start-tunnel-hub.ts'

const BLOCK = Buffer.alloc(64 << 10, 'x')
const EVERY_MS = 5

const linkOf = (hub: TunnelHub) => hub.tunnel.links()[0] as unknown as LiveLink
const hasCompanion = (link: LiveLink) => link.companions.lane() !== link

/** Sends without end, and leaves the machine time for others. */
function flow(socket: Socket): void {
  const timer = setInterval(() => socket.writableNeedDrain || socket.write(BLOCK), EVERY_MS)
  socket.once('close', () => clearInterval(timer))
}

/** An agent, and an application that answers `flow` with a download that has no end and repeats everything else. */
async function start(t: { teardown(run: () => unknown): void }) {
  const hub = await joined(t)
  const { uri } = await startApp(t, (socket) => {
    socket.once('data', (first: Buffer) => {
      if (String(first) === 'flow') return flow(socket)
      socket.write(first)
      socket.on('data', (more: Buffer) => socket.write(more))
      socket.on('end', () => socket.end())
    })
  })
  const app = testApp(uri)
  const link = linkOf(hub)
  /** With the companion that it causes. */
  async function download() {
    const pipe = await hub.open(app)
    const seen = { pipe, bytes: 0, error: null as Error | null, closed: false }
    pipe.ondata = (chunk) => {
      seen.bytes += chunk.length
    }
    pipe.onclose = (error) => Object.assign(seen, { error, closed: true })
    pipe.write(Buffer.from('flow'))
    await hub.until(() => hasCompanion(link), 'the companion is there')
    return seen
  }
  async function echo(text: string, pipe?: Awaited<ReturnType<TunnelHub['open']>>) {
    const used = pipe ?? (await hub.open(app))
    let heard = ''
    used.ondata = (chunk) => {
      heard += chunk
    }
    used.write(Buffer.from(text))
    await hub.until(() => heard === text, `the answer to ${text}`)
    return used
  }
  const goesOn = async (seen: { bytes: number }) => {
    const before = seen.bytes
    await hub.until(() => seen.bytes > before + 10 * BLOCK.length, 'the download goes on')
  }
  return { hub, app, link, download, echo, goesOn }
}

t.test('small exchanges beside a download use a second connection, which nobody else sees', async (t) => {
  const { hub, link, download, echo, goesOn } = await start(t)
  const early = await echo('before the download')
  t.equal(early.isGoing?.(), false)
  const connections = hub.sockets.length
  const large = await download()
  t.equal(hub.sockets.length, connections + 1, 'one connection more')
  t.equal(early.isGoing?.(), true, 'a stream beside the download is given up after its exchange')
  const small = await echo('beside the download')
  t.equal(small.isGoing?.(), false)
  t.same(
    hub.tunnel.links().map(({ hostname, streams }) => [hostname, streams]),
    [['node-1', 3]],
    'its streams are those of the link',
  )
  t.equal(hub.events.filter(({ type }) => String(type).startsWith('agent.')).length, 2, 'joined, connected')
  t.equal(hub.changed.length, 1)

  const lost = drain(small)
  hub.sockets.at(-1)?.destroy()
  t.match((await lost).error, { code: 'MEZ_LINK_LOST' })
  await goesOn(large)
  const next = await echo('after its loss')
  t.equal(linkOf(hub), link, 'the link is the same')
  t.notOk(hub.changed.some(({ connected }) => !connected))

  large.pipe.destroy()
  await hub.until(() => link.bulk.size === 0, 'the download is over')
  t.equal(early.isGoing?.(), false, 'then the streams of the link may be used again')
  for (const pipe of [early, next]) pipe.destroy()
})

t.test('an upload has the same effect', async (t) => {
  const { hub, link } = await start(t)
  const sink = await startApp(t, (socket) => socket.resume())
  const pipe = await hub.open(testApp(sink.uri))
  let free = true
  pipe.ondrain = () => {
    free = true
  }
  const timer = setInterval(() => {
    if (free) free = pipe.write(BLOCK)
  }, EVERY_MS)
  t.teardown(() => clearInterval(timer))
  await hub.until(() => hasCompanion(link), 'the companion is there')
  clearInterval(timer)
  pipe.destroy()
})

t.test('a connection that is dialled while the companion breaks is dialled again on the link', async (t) => {
  const { hub, app, link, download, echo, goesOn } = await start(t)
  const large = await download()
  const opening = hub.open(app)
  t.equal(link.companions.streams, 1, 'it begins on the companion')
  hub.sockets.at(-1)?.destroy()
  const pipe = await opening
  await echo('nothing was lost', pipe)
  t.equal(link.companions.streams, 0)
  await goesOn(large)
  large.pipe.destroy()
  pipe.destroy()
})

t.test('J266 a locked agent loses its companion with its link', async (t) => {
  const { hub, download, echo } = await start(t)
  const large = await download()
  const small = drain(await echo('beside'))
  const closed = hub.sockets.slice(-2).map((socket) => once(socket, 'close'))
  hub.locked.add('node-1')
  await hub.revisions.write(async (_trx, change) => change.touch('lock', 'x'))
  await Promise.all(closed)
  t.ok((await small).error)
  await hub.until(() => large.closed, 'the download is cut')
  t.ok(large.error)
  t.equal(hub.tunnel.links().length, 0)
})

t.test('J266 a link that is cut takes its companion with it', async (t) => {
  const { hub, download, echo } = await start(t)
  await download()
  const small = drain(await echo('beside'))
  const closed = hub.sockets.slice(-2).map((socket) => once(socket, 'close'))
  hub.tunnel.disconnect('node-1', 'test')
  await Promise.all(closed)
  t.match((await small).error, { code: 'MEZ_LINK_LOST' })
})

t.test('a link that is replaced lets the streams of its companion end, and both end then', async (t) => {
  const { hub, link, download, echo, goesOn } = await start(t)
  const large = await download()
  const small = await echo('beside')
  const sockets = hub.sockets.slice(-2)
  link.moving = true
  link.send({ type: 'move' })
  await hub.until(() => linkOf(hub) !== link && linkOf(hub) !== undefined, 'another link takes over')
  t.equal(small.isGoing?.(), true)
  await goesOn(large)
  await echo('still there', small)
  const next = await echo('on the new link')
  t.equal(linkOf(hub).streams, 1)
  large.pipe.destroy()
  await hub.until(() => link.streams === 1, 'the download is over')
  await echo('the last one', small)
  const closed = sockets.map((socket) => once(socket, 'close'))
  small.destroy()
  await Promise.all(closed)
  await echo('and the new link serves', next)
  next.destroy()
})
