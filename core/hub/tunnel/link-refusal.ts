import type { TLSSocket } from 'node:tls'
import { REASON_HEADER } from '../../wire/dial-headers.ts'
import { releaseListeners } from '../../wire/listener-release.ts'
import { connectAgent } from './agent-connection.ts'

/** How long an agent has to read the reason. */
const CLOSE_MS = 1_000

/**
 * Sends an agent the reason why it is refused, then closes. The reason is sent on a stream and not in a GOAWAY frame:
 * older agents treat GOAWAY as a stopping hub, and would not try their join token on a hub that has removed them.
 */
export function refuseLink(socket: TLSSocket, reason: string): void {
  const end = (): void => void socket.destroy()
  const deadline = setTimeout(end, CLOSE_MS)
  const session = connectAgent(socket, { settings: { enablePush: false } })
  session.on('error', end)
  session.once('close', end)
  releaseListeners(session)
  socket.once('close', () => {
    clearTimeout(deadline)
    session.destroy()
  })
  const stream = session.request({ ':method': 'POST', ':path': '/v1/refused', [REASON_HEADER]: reason })
  stream.on('error', end)
  stream.once('close', end)
}
