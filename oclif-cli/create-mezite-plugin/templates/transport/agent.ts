import { request } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { defineAgentPlugin } from '@mezite/core'
import { agentTransports } from '@mezite/core/protocol'

const path = '/v1/tunnel/my-plugin'

/** Opens tunnels with an HTTP upgrade, through the proxy of the environment if there is one. */
export default defineAgentPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Connects to the hub with an HTTP upgrade',
  provides: { agentTransports },
  setup({ provide }) {
    provide.agentTransports({
      name: 'my-plugin',
      async dial({ host, port, signal, connect, proof }) {
        const socket = await connect()
        return new Promise((resolve, reject) => {
          const upgrade = request({
            ...{ host, port, path },
            // The hub responds with 404 to everybody who does not prove an agent or a join token.
            headers: { connection: 'Upgrade', upgrade: 'my-plugin', authorization: proof('GET', path) },
            createConnection: () => connectTls({ socket, servername: host, rejectUnauthorized: false }),
          })
          const abort = () => upgrade.destroy(signal.reason)
          signal.addEventListener('abort', abort, { once: true })
          upgrade.once('upgrade', (_response, stream, head) => {
            // The signal ends the dial, not the connection.
            signal.removeEventListener('abort', abort)
            if (head.length > 0) stream.unshift(head)
            resolve(stream)
          })
          upgrade.once('response', ({ statusCode }) =>
            reject(new Error(`the hub responded with ${statusCode}`)),
          )
          upgrade.on('error', (error) => reject(socket.destroy() && error))
          upgrade.end()
        })
      },
    })
  },
})
