import type { Http2Session } from 'node:http2'

const noop = (): void => {}

/**
 * Forgets all listeners of a session once it has closed. Node.js keeps a session whose SETTINGS were not acknowledged in
 * time for ever when the error that ended it can still be reached from there: a client that breaks the protocol and
 * leaves at once would cost memory with every connection.
 */
export function releaseListeners(session: Http2Session): void {
  session.once('close', () => {
    session.removeAllListeners()
    session.on('error', noop)
  })
}
