import { type ClientRequest, createServer, type IncomingMessage, type Server } from 'node:http'
import { pipeline } from 'node:stream'
import { AppAgent } from './app-agent.ts'
import { forward, type LocalOrigin, namesOf, refusalOf, statusOf, told } from './forwarded-request.ts'
import { sendAnswer, sendRefusal } from './http-response.ts'
import { isWebSocket, serveUpgrades } from './upgrade-handler.ts'

/** How long a client may take to send the head of a request. */
const HEAD_MS = 60_000
const IDLE_MS = 65_000

/**
 * The local origin of an HTTP app; it is not listening yet. Whoever reaches it acts as the user, so it is closed to
 * pages of other origins; requests go to the app under its public name, and come back under the local one.
 */
export function serveHttp(origin: LocalOrigin): Server {
  const agent = new AppAgent(origin.app, origin.line, { keepAlive: true, maxFreeSockets: 64 })
  const server = createServer({
    keepAliveTimeout: IDLE_MS,
    headersTimeout: HEAD_MS,
    // Uploads take as long as they take.
    requestTimeout: 0,
    noDelay: true,
    maxHeaderSize: 64 * 1024,
    // Node.js before 24.9 does not know this, and hands over every upgrade.
    shouldUpgradeCallback: isWebSocket,
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  server.on('close', () => agent.destroy())
  server.on('request', (incoming, outgoing) => {
    outgoing.on('error', () => outgoing.destroy())
    incoming.on('error', () => {})
    const wrong = refusalOf(incoming)
    if (wrong !== null) return sendRefusal(outgoing, wrong.status, wrong.text)
    const names = namesOf(incoming, origin)
    let upstream: ClientRequest | null = null
    outgoing.once('close', () => upstream?.destroy())

    const send = (again: boolean): void => {
      const sent = forward(incoming, names, agent)
      upstream = sent
      let answered = false
      sent.once('response', (answer) => {
        answered = true
        sendAnswer(answer, outgoing, names)
      })
      sent.on('error', (error) => {
        if (outgoing.destroyed || answered) return void outgoing.destroy()
        // The hub may have closed an idle connection just now; nothing was answered, and nothing is lost.
        if (again && sent.reusedSocket && isRepeatable(incoming)) return send(false)
        sendRefusal(outgoing, statusOf(error), told(error, origin.app))
      })
      if (!hasBody(incoming)) return void sent.end()
      pipeline(incoming, sent, (error) => {
        if (error && incoming.errored) sent.destroy()
      })
    }
    send(true)
  })
  serveUpgrades(server, origin)
  return server
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function isRepeatable(incoming: IncomingMessage): boolean {
  return /^(GET|HEAD|OPTIONS)$/.test(incoming.method ?? '') && !hasBody(incoming)
}
