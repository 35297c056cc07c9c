// together: quick
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { conformPlugin, createTestHost } from '@mezite/core/testing'
import t from 'tap'
import unixSocketDialer from '../../examples/unix-socket-dialer/agent.ts'

const target = (app: string) => ({
  app,
  uri: 'http://127.0.0.1:1',
  tls: { verify: true, serverName: null, ca: null },
  connectMs: 2_000,
})

t.test('it keeps the rules of plugins', async (t) => {
  conformPlugin(t, unixSocketDialer, { config: { sockets: { wiki: '/run/wiki.sock' } }, refused: [{}] })
})

t.test('it dials the apps that it knows, and leaves the others alone', async (t) => {
  // The path of a socket may have about a hundred characters only.
  const dir = mkdtempSync(join(tmpdir(), 'mezite-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'app.sock')
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => server.close())
  const sockets = { wiki: path, gone: `${path}.gone` }
  const host = createTestHost<'agent'>(unixSocketDialer, { config: { sockets } })
  t.strictSame(
    host.taps.map(({ hook }) => hook),
    ['dial.open'],
  )

  const stream = await host.calls.dial.open(target('wiki'))
  stream?.write('over a socket file')
  const [echo] = (await once(stream!, 'data')) as [Buffer]
  t.equal(echo.toString(), 'over a socket file')
  stream?.destroy()

  t.equal(await host.calls.dial.open(target('other')), null, 'not its own: the agent dials as usual')
  await t.rejects(host.calls.dial.open(target('gone')), { code: 'MEZ_HOOK_FAILED', message: /ENOENT/ })
})
