import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { resetSocket } from '@mezite/core/protocol'
import { AppAgent } from './app-agent.ts'
import { forward, type LocalOrigin, namesOf, refusalOf, statusOf, told } from './forwarded-request.ts'
import { type OriginNames, towardsClient } from './header-mapping.ts'
import { refusalHeaders } from './http-response.ts'

/** A server may pass over every other wish to change the protocol (RFC 9110 section 7.8): it is served as any request. */
export function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/** WebSockets of a local origin: each has a connection of its own, which carries bytes both ways once the app agrees. */
export function serveUpgrades(server: Server, origin: LocalOrigin): void {
  const agent = new AppAgent(origin.app, origin.line, { keepAlive: false })
  server.on('close', () => agent.destroy())
  server.on('upgrade', (incoming: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket
    socket.on('error', () => socket.destroy())
    const wrong = refusalOf(incoming)
    if (wrong !== null) return refuse(socket, wrong.status, wrong.text)
    const names = namesOf(incoming, origin)
    const more = ['Connection', 'Upgrade', 'Upgrade', incoming.headers.upgrade ?? '']
    const upstream = forward(incoming, names, agent, more)
    const dropped = () => upstream.destroy()
    socket.once('close', dropped)
    upstream.on('error', (error) => {
      if (socket.destroyed || socket.bytesWritten > 0) return void socket.destroy()
      refuse(socket, statusOf(error), told(error, origin.app))
    })
    upstream.once('upgrade', (answer, app, rest) => {
      socket.removeListener('close', dropped)
      socket.write(headOf(answer, names), 'latin1')
      socket.write(rest)
      if (head.length > 0) app.write(head)
      socket.setTimeout(0)
      splice(socket, app)
    })
    upstream.once('response', (answer) => {
      // The app did not agree; a second request on this connection would not be judged.
      socket.write(headOf(answer, names, ['Connection', 'close']), 'latin1')
      pipeline(answer, socket, () => socket.destroy())
    })
    upstream.end()
  })
}

function splice(socket: Socket, app: Duplex): void {
  const over = (error?: Error | null): void => {
    if (!error) return
    app.destroy()
    resetSocket(socket)
  }
  pipeline(socket, app, over)
  pipeline(app, socket, over)
}

function headOf(answer: IncomingMessage, names: OriginNames, more: readonly string[] = []): string {
  const { statusCode = 502, statusMessage, headers } = answer
  const fields = [...towardsClient(answer.rawHeaders, names), ...more]
  if (statusCode === 101) fields.push('Connection', 'Upgrade', 'Upgrade', headers.upgrade ?? '')
  const lines = fields.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${fields[at + 1]}`] : []))
  return [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines, '', ''].join('\r\n')
}

function refuse(socket: Socket, status: number, text: string): void {
  const body = `${text}\n`
  const fields = { ...refusalHeaders, 'content-length': String(Buffer.byteLength(body)), connection: 'close' }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`, ...lines, '', body].join('\r\n'))
}
