// together: plugin-hubs
/** How a stream, or a whole connection, that is refused hears why and is over, whatever its client does. */
import { EventEmitter, once } from 'node:events'
import { type ClientHttp2Stream, connect, createServer, type ServerHttp2Stream } from 'node:http2'
import net, { type AddressInfo, type Socket } from 'node:net'
import { mock } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { ConnectionInfo } from '@mezite/core/protocol'
import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import type { Deps } from '../../../plugins/tcp-apps/deps.ts'
import { closeRefused, TcpApps } from '../../../plugins/tcp-apps/protocol.ts'
import { refuseStream } from '../../../plugins/tcp-apps/stream-refusal.ts'
import { until } from '../../until.ts'

t.test('a refused stream ends although its client keeps sending', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  const ask = async (message?: string): Promise<[ClientHttp2Stream, ServerHttp2Stream]> => {
    const near = session.request({ ':method': 'CONNECT', ':authority': 'wiki' }, { endStream: false })
    near.on('error', () => {})
    near.write('something')
    const [far] = (await once(server, 'stream')) as [ServerHttp2Stream]
    far.on('error', () => {})
    refuseStream(far, { status: 403, reason: 'locked', ...(message === undefined ? {} : { message }) })
    return [near, far]
  }
  const [near, far] = await ask()
  const [head] = await once(near, 'response')
  t.match(head, { ':status': 403, 'mezite-reason': 'locked', 'mezite-message': undefined })
  await until(() => far.closed && far.destroyed, 'it is over')
  t.equal(far.rstCode, 0)
  t.doesNotThrow(() => refuseStream(far, { status: 403, reason: 'locked' }), 'once more')

  const [odd] = await ask('half a character: \ud83d, a line\r\n and é')
  const [told] = await once(odd, 'response')
  t.equal(decodeURIComponent(told['mezite-message']), 'half a character: \ufffd, a line\r\n and é')
})

t.test('I119 a refused connection is closed when its client closes, or a moment later', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const refuse = async (allowHalfOpen: boolean): Promise<Socket> => {
    const near = net.connect({ port, host: '127.0.0.1', allowHalfOpen })
    near.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    const [far] = (await once(server, 'connection')) as [Socket]
    sockets.push(near, far)
    closeRefused(far as TLSSocket, 'certificate_refused')
    let text = ''
    near.on('data', (chunk) => {
      text += chunk
    })
    await once(near, 'end')
    t.ok(text.endsWith('certificate_refused'))
    return far
  }
  const polite = await refuse(false)
  if (!polite.closed) await once(polite, 'close')
  t.notOk(polite.errored)
  const stubborn = await refuse(true)
  t.notOk(stubborn.destroyed)
  mock.timers.tick(200)
  t.ok(stubborn.destroyed)
})

t.test('M164 strangers cause at most ten records of refusals each, and 120 in all', async (t) => {
  const clock = fakeClock()
  const recorded: object[] = []
  const record = (event: object) => void recorded.push(event)
  const apps = new TcpApps({ clock, audit: { record } } as unknown as Deps)
  const refuse = (clientIp: string) => {
    const socket = Object.assign(new EventEmitter(), { end() {}, resume() {}, destroy() {} })
    apps.refused(socket as unknown as TLSSocket, { clientIp } as ConnectionInfo)
    socket.emit('close')
  }
  for (let count = 0; count < 50; count++) refuse('192.0.2.1')
  const event = {
    type: 'access.denied',
    success: false,
    reason: 'certificate_refused',
    clientIp: '192.0.2.1',
  }
  t.match(recorded, Array(10).fill(event))
  t.equal(recorded.length, 10)
  for (let count = 0; count < 50; count++) refuse(`2001:db8::${count}`)
  t.equal(recorded.length, 20, 'one network is one stranger')
  for (let count = 0; count < 250; count++) refuse(`198.51.100.${count}`)
  t.equal(recorded.length, 120)
  clock.advance(60_000)
  refuse('192.0.2.1')
  t.equal(recorded.length, 121)
})
