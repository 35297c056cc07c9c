import { request } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { defineAgentPlugin } from '@mezite/core'
import { agentTransports, type HubTarget } from '@mezite/core/protocol'
import { Framed, PATH } from './framed.ts'

async function dial({ host, port, signal, connect, proof }: HubTarget): Promise<Framed> {
  const socket = await connect()
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ host, port, path: PATH },
      // The hub responds with 404 to everybody who does not prove an agent or a join token.
      headers: { connection: 'Upgrade', upgrade: 'framed', authorization: proof('GET', PATH) },
      // Agent and hub authenticate each other in the tunnel's own TLS.
      createConnection: () => connectTls({ socket, servername: host, rejectUnauthorized: false }),
    })
    const abort = (): void => void outgoing.destroy(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    outgoing.once('upgrade', (_response, stream, head) => {
      signal.removeEventListener('abort', abort)
      if (head.length > 0) stream.unshift(head)
      resolve(new Framed(stream))
    })
    outgoing.once('response', ({ statusCode }) => reject(new Error(`the hub responded with ${statusCode}`)))
    outgoing.on('error', (error) => reject(socket.destroy() && error))
    outgoing.end()
  })
}

/** Sends tunnels in frames, behind an HTTP upgrade. */
export default defineAgentPlugin({
  name: 'framed-transport',
  api: 1,
  summary: 'Connects to the hub in frames',
  provides: { agentTransports },
  setup: ({ provide }) => provide.agentTransports({ name: 'framed-transport', dial }),
})
