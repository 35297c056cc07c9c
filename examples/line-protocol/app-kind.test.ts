import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { after, test } from 'node:test'
import { connect } from 'node:tls'
import {
  conformDialer,
  conformPlugin,
  conformProtocol,
  conformTest,
  programLogin,
  testTarget,
} from '@mezite/core/testing'
import agent from './agent.ts'
import hub from './hub.ts'

const server = createServer(
  { allowHalfOpen: true },
  (socket) => void socket.on('error', () => {}).pipe(socket),
)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
after(() => void server.close())

const config = { hosts: ['127.0.0.1'] }
conformPlugin(conformTest(test), hub, {
  use: { access: {}, audit: {}, catalog: {}, tunnel: {} },
  refused: [{ prefer: 'node-1' }],
})
conformPlugin(conformTest(test), agent, { config, refused: [{ hosts: '127.0.0.1' }] })
conformDialer(conformTest(test), agent, {
  config,
  echo: testTarget('echo', `line-protocol://127.0.0.1:${(server.address() as AddressInfo).port}`),
  unreachable: testTarget('gone', 'line-protocol://127.0.0.1:1'),
  foreign: testTarget('web', 'http://127.0.0.1:1'),
})

// A hub and an agent on this machine.
conformProtocol(conformTest(test), {
  kind: 'line-protocol',
  alpn: 'line-protocol/1',
  plugins: [{ plugin: hub }],
  agentPlugins: [{ plugin: agent, config }],
  uri: (port) => `line-protocol://127.0.0.1:${port}`,
  async connect({ hub, app, visitor }) {
    const token = visitor === null ? 'nobody' : (await programLogin(hub, {}, visitor)).token
    const to = { host: '127.0.0.1', port: hub.ports.public, servername: new URL(hub.url).hostname }
    // A real client trusts the authority that `programLogin` returns as `hub_ca`.
    const socket = connect({ ...to, ALPNProtocols: ['line-protocol/1'], rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    socket.write(`${token} ${app}\n`)
    return socket
  },
})
