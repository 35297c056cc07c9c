import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { SMALLEST_STREAM_WINDOW, STREAM_WINDOW, UNREAD_BYTES } from '../../core/wire/tunnel-protocol.ts'
import { UnreadBudget } from '../../core/wire/unread-budget.ts'

/** More streams than may each have the largest window. */
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
  for (let n = 0; n < MANY; n++) budget.account().paused()
  await once(session, 'close')
  t.ok(session.destroyed)
})

t.test('a peer that acknowledges them keeps the session', async (t) => {
  const server = createHttp2Server() as unknown as Server
  const { session, budget } = await sessionTo(t, server, 200)
  for (let n = 0; n < MANY; n++) budget.account().paused()
  await once(session, 'localSettings')
  await new Promise((resolve) => setTimeout(resolve, 600))
  t.notOk(session.destroyed)
})

t.test('windows shrink before streams stall, so that all bulk streams stay within the budget', async (t) => {
  const server = createHttp2Server() as unknown as Server
  const { session, budget } = await sessionTo(t, server, 200)
  const accounts = Array.from({ length: 200 }, () => budget.account())
  for (const account of accounts) account.received(100 << 10)
  t.equal(budget.window, STREAM_WINDOW, 'small responses count for nothing')
  for (const [at, account] of accounts.entries()) {
    account.received(200 << 10)
    if (at + 1 === UNREAD_BYTES / STREAM_WINDOW) t.equal(budget.window, STREAM_WINDOW, 'a few fast downloads')
    if (at + 1 === UNREAD_BYTES / STREAM_WINDOW + 1) t.equal(budget.window, STREAM_WINDOW / 2, 'one more')
  }
  while (budget.window > SMALLEST_STREAM_WINDOW) await once(session, 'localSettings')
  t.ok(accounts.length * budget.window <= UNREAD_BYTES)
  accounts[0]!.paused()
  for (const account of accounts.slice(1)) account.released()
  accounts[0]!.resumed()
  while (budget.window < STREAM_WINDOW) await once(session, 'localSettings')
  t.pass('the last one has the largest window again')
})
