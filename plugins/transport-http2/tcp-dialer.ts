import { connect, isIP, type Socket } from 'node:net'
import { lookupLocalhost } from '@mezite/core/protocol'

/** A TCP connection to the hub. Rejects when it cannot be made, or when the signal aborts first. */
export function dialTcp(target: {
  readonly host: string
  readonly port: number
  readonly signal: AbortSignal
}): Promise<Socket> {
  const { host, port, signal } = target
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const lookup = isIP(host) === 0 ? { lookup: lookupLocalhost } : {}
    const socket = connect({ host, port, noDelay: true, keepAlive: true, ...lookup })
    const abort = (): void => {
      socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    signal.addEventListener('abort', abort, { once: true })
    // Stays for the life of the socket: an error must never go unheard.
    socket.on('error', (error) => {
      signal.removeEventListener('abort', abort)
      reject(error)
    })
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort)
      resolve(socket)
    })
  })
}
