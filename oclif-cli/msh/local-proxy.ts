import { createServer, type Server, type Socket } from 'node:net'
import type { HubClient } from '@mezite/cli'
import { findApp } from './app-lookup.ts'
import { serveHttp } from './http-listener.ts'
import type { HubConnection } from './hub-connection.ts'
import { describeFailure, failureStatus } from './refusal.ts'

const HEAD_MS = 60_000
const LONGEST_HEAD = 64 * 1024
/** Servers of apps that are kept; each is small, and an app beyond them is looked up again. */
const MOST_APPS = 500
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const END = Buffer.from('\r\n\r\n')

/**
 * The local proxy, not yet listening: one port for all HTTP apps, each at `http://NAME.localhost:PORT`. The first head of a
 * connection chooses the app, and every request on the connection must name its host: like the port of one app, it is
 * closed to web pages of other origins, which include those of the other apps here.
 */
export function createLocalProxy(options: {
  readonly hub: Pick<HubConnection, 'open'>
  readonly client: HubClient | null
  readonly note: (text: string) => void
}): Server {
  const { hub, client, note } = options
  const servers = new Map<string, Promise<Server>>()

  function serverOf(app: string): Promise<Server> {
    const known = servers.get(app)
    if (known) return known
    const made = findApp({ app, client, hub }).then(({ publicHost, protocol }) => {
      if (protocol !== 'http')
        throw new WrongKind(`${app} is not a web application: open it with msh app login ${app}.`)
      const hosts = (port: number) => [
        `${app}.localhost:${port}`,
        ...(port === 80 ? [`${app}.localhost`] : []),
      ]
      return serveHttp({ app, publicHost, hub, hosts })
    })
    servers.set(app, made)
    // Access may be given in a moment.
    made.catch(() => servers.delete(app))
    for (const [oldest] of servers) if (servers.size > MOST_APPS) servers.delete(oldest)
    return made
  }

  async function route(socket: Socket, head: Buffer): Promise<void> {
    const { localPort = 0 } = socket
    const app = appOf(head.toString('latin1'), localPort)
    if (app === null)
      return refuse(
        socket,
        403,
        `This port serves http://NAME.localhost:${localPort} only, for the names of msh app ls.`,
      )
    try {
      const server = await serverOf(app)
      if (socket.destroyed) return
      socket.unshift(head)
      server.emit('connection', socket)
    } catch (error) {
      const text = error instanceof WrongKind ? error.message : describeFailure(error, app)
      note(`${app}: ${text}`)
      refuse(socket, error instanceof WrongKind ? 400 : failureStatus(error), text)
    }
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    readHead(socket, (head) => {
      route(socket, head).catch(() => socket.destroy())
    })
  })
  server.on('close', () => {
    for (const made of servers.values()) made.then((one) => one.emit('close')).catch(() => {})
  })
  return server
}

class WrongKind extends Error {}

/** Calls `done` with all bytes up to and beyond the end of the first head. Drops clients that are slow or send too much. */
function readHead(socket: Socket, done: (bytes: Buffer) => void): void {
  let held = Buffer.alloc(0)
  const deadline = setTimeout(() => socket.destroy(), HEAD_MS)
  const drop = (): void => void socket.destroy()
  const stop = (): void => {
    clearTimeout(deadline)
    socket.off('readable', read)
    socket.off('end', drop)
  }
  function read(): void {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    held = Buffer.concat([held, chunk])
    if (!held.includes(END)) {
      if (held.length > LONGEST_HEAD) drop()
      return
    }
    stop()
    done(held)
  }
  socket.on('readable', read)
  socket.once('end', drop)
  socket.once('close', stop)
}

/** The app of the one `Host` of a head; null if there is none. The server of the app reads the head again, strictly. */
function appOf(bytes: string, port: number): string | null {
  const lines = bytes.slice(0, bytes.indexOf('\r\n\r\n')).split('\r\n').slice(1)
  const hosts = lines.flatMap((line) => /^host:[ \t]*(.*?)[ \t]*$/i.exec(line)?.[1] ?? [])
  if (hosts.length !== 1) return null
  const suffixes = [`.localhost:${port}`, ...(port === 80 ? ['.localhost'] : [])]
  const host = (hosts[0] as string).toLowerCase()
  const suffix = suffixes.find((one) => host.endsWith(one))
  const name = suffix === undefined ? '' : host.slice(0, -suffix.length)
  return DNS_LABEL.test(name) ? name : null
}

function refuse(socket: Socket, status: number, text: string): void {
  const body = `${text}\n`
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
