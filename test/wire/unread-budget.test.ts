import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { UnreadBudget } from '../../core/wire/unread-budget.ts'

/** More streams than may each hold a whole window. */
const MANY = 50

async function sessionTo(t: Test, server: Server, ackMs: number) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const session = connectHttp2('http://peer', { createConnection: () => socket })
  session.on('error', () => {})
  const budget = new UnreadBudget(session, ackMs)
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  await once(session, 'remoteSettings')
  return { session, budget }
}

t.test('a peer that never acknowledges smaller windows loses the session', async (t) => {
  // SETTINGS, and never an acknowledgement.
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
  })
  const { session, budget } = await sessionTo(t, server, 200)
  for (let n = 0; n < MANY; n++) budget.paused()
  await once(session, 'close')
  t.ok(session.destroyed)
})

t.test('one that acknowledges them keeps it', async (t) => {
  const server = createHttp2Server() as unknown as Server
  const { session, budget } = await sessionTo(t, server, 200)
  for (let n = 0; n < MANY; n++) budget.paused()
  await once(session, 'localSettings')
  await new Promise((resolve) => setTimeout(resolve, 600))
  t.notOk(session.destroyed)
})
