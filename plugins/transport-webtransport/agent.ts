import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { defineAgentPlugin } from '@mezite/core'
import { agentTransports, type HubTarget } from '@mezite/core/protocol'
import { openCarrier, PATH } from './web-transport.ts'

/** Dials a WebTransport session at the hub's own host, over HTTP/2. */
export default defineAgentPlugin({
  name: 'transport-webtransport',
  api: 1,
  summary: 'Connects to the hub with WebTransport',
  provides: { agentTransports },
  setup({ provide }) {
    provide.agentTransports({ name: 'webtransport', dial })
  },
})

async function dial({ host, port, signal, connect }: HubTarget): Promise<Duplex> {
  const socket = await secure(await connect(), host, signal)
  const abort = (): void => void socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await openCarrier(socket, `${isIP(host) === 6 ? `[${host}]` : host}:${port}`, PATH)
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function secure(carrier: Duplex, host: string, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      socket: carrier,
      ALPNProtocols: ['h2'],
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Agent and hub authenticate each other in the tunnel's own TLS; this outer TLS only has to pass.
      rejectUnauthorized: false,
    })
    const abort = (): void => void socket.destroy(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    // Stays for the life of the socket.
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed during the TLS handshake')))
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort)
      if (socket.alpnProtocol === 'h2') resolve(socket)
      else socket.destroy(new Error('the hub, or a balancer in front of it, does not support HTTP/2'))
    })
  })
}
