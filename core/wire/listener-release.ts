import type { Http2Session } from 'node:http2'

const noop = (): void => {}

/**
 * Removes all listeners of a session once it has closed. Node.js never frees a session whose SETTINGS were not acknowledged
 * in time while its listeners can still reach the error that ended it: a client that breaks the protocol and disconnects
 * would leak memory with every connection.
 */
export function releaseListeners(session: Http2Session): void {
  session.once('close', () => {
    session.removeAllListeners()
    session.on('error', noop)
  })
}
