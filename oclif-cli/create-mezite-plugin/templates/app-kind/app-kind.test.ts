import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { after, test } from 'node:test'
import { conformDialer, conformPlugin, conformTest, testTarget } from '@mezite/core/testing'
import agent from './agent.ts'
import hub from './hub.ts'

const server = createServer(
  { allowHalfOpen: true },
  (socket) => void socket.on('error', () => {}).pipe(socket),
)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
after(() => void server.close())

conformPlugin(conformTest(test), hub)
conformPlugin(conformTest(test), agent)
conformDialer(conformTest(test), agent, {
  echo: testTarget('echo', `my-plugin://127.0.0.1:${(server.address() as AddressInfo).port}`),
  unreachable: testTarget('gone', 'my-plugin://127.0.0.1:1'),
  foreign: testTarget('web', 'http://127.0.0.1:1'),
})
