import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const STEP_MS = 10_000

/** A connection to a syslog server that opens itself. */
export interface Syslog {
  /**
   * Sends messages in counted frames (RFC 6587 section 3.4.1) and resolves when the system has taken them; syslog has no
   * acknowledgement. Rejects if the connection breaks.
   */
  send(messages: readonly string[]): Promise<void>
  close(): void
}

export function openSyslog(server: { readonly host: string; readonly port: number }): Syslog {
  let socket: Socket | null = null

  async function opened(): Promise<Socket> {
    if (socket?.writable) return socket
    const next = connect(server).on('error', () => {})
    // A server that closes says so by the end of what it sends.
    next.once('close', () => next.destroy()).resume()
    socket = next
    try {
      await once(next, 'connect', { signal: AbortSignal.timeout(STEP_MS) })
      return next
    } catch (error) {
      next.destroy()
      throw error
    }
  }

  return {
    async send(messages) {
      const to = await opened()
      const frames = messages.map((text) => `${Buffer.byteLength(text)} ${text}`).join('')
      const signal = AbortSignal.timeout(STEP_MS)
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => {
          to.destroy()
          reject(new Error('the server takes nothing'))
        })
        to.write(frames, (error) => (error ? reject(error) : resolve()))
      })
    },
    close: () => socket?.destroy(),
  }
}
