import { createServer, type Server, type Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { HubClient } from '@mezite/cli'
import type { Identity } from '@mezite/cli/identity'
import { appAt, findApp, listApps } from './app-lookup.ts'
import { confirmationsFor } from './confirmation.ts'
import { parseFirstRequest, readFirstHead } from './first-request.ts'
import { serveHttp } from './http-listener.ts'
import type { HubConnection } from './hub-connection.ts'
import { createOwnerCheck } from './owner-check.ts'
import { describeFailure, failureStatus } from './refusal.ts'

/** Servers of apps that are kept; each is small, and an app beyond them is looked up again. */
const MOST_SERVERS = 500
const HANDSHAKE_MS = 10_000
const REFUSED_MS = 10_000

/** What the local proxy needs of `ProxyAuthority`. */
export interface ProxyCertificates {
  /** For TLS to this host of an app; null: it is not for this host. */
  contextFor(host: string): Promise<SecureContext | null>
}

/**
 * The local proxy, not yet listening: one port for all HTTP apps, each at `http://NAME.localhost:PORT`. The first head of a
 * connection chooses the app, and every request on the connection must name its host: like the port of one app, it is
 * closed to web pages of other origins, which include those of the other apps here, and to other users of the machine.
 * Programs can also use it as their proxy: for `http://NAME.localhost`, and, given `certificates`, by CONNECT for the
 * public addresses of apps. It is a way to apps alone: any other host gets 403.
 */
export function createLocalProxy(options: {
  readonly hub: Pick<HubConnection, 'open'>
  readonly client: HubClient | null
  readonly certificates: ProxyCertificates | null
  readonly identity: Identity
  readonly note: (text: string) => void
}): Server {
  const { hub, client, certificates, identity, note } = options
  const ownerOf = createOwnerCheck()
  const servers = new Map<string, Promise<Server>>()

  function serverOf(app: string, via?: 'http' | 'https'): Promise<Server> {
    const key = `${via} ${app}`
    const known = servers.get(key)
    if (known) return known
    const made = findApp({ app, client, hub }).then(({ publicHost, protocol }) => {
      if (protocol !== 'http')
        throw new Refused(400, `${app} is not a web application: open it with msh app login ${app}.`)
      const name = `${app}.localhost`
      const hosts = (port: number) => {
        if (via === 'https') return [publicHost, ...(publicHost.includes(':') ? [] : [`${publicHost}:443`])]
        return [`${name}:${port}`, ...(via === 'http' || port === 80 ? [name, `${name}:80`] : [])]
      }
      const confirm = confirmationsFor(app, identity, note)
      return serveHttp({ app, publicHost, hub, hosts, confirm, ...(via && { via }) })
    })
    servers.set(key, made)
    // Access may be given in a moment.
    made.catch(() => servers.delete(key))
    for (const [oldest] of servers) if (servers.size > MOST_SERVERS) servers.delete(oldest)
    return made
  }

  /** The app with this public host and port. Throws `Refused`. */
  async function nameAt(host: string): Promise<string> {
    const found = client === null ? undefined : appAt(await listApps(client), host)
    if (found) return found.name
    throw new Refused(403, `${host} is not an app that you may open. This proxy leads to apps only.`)
  }

  /** Ends the TLS of a client within its tunnel. */
  async function secure(socket: Socket, host: string): Promise<Socket> {
    const secureContext = (await certificates?.contextFor(host.replace(/:\d+$/, ''))) ?? null
    if (secureContext === null)
      throw new Refused(
        403,
        'To reach apps by https through this proxy, start msh proxy with --ca FILE. It knows the apps of that moment.',
      )
    established(socket)
    const secured = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
    const deadline = setTimeout(() => secured.destroy(), HANDSHAKE_MS)
    secured.once('secure', () => clearTimeout(deadline))
    secured.once('close', () => clearTimeout(deadline))
    secured.on('error', () => secured.destroy())
    return secured
  }

  async function route(socket: Socket, head: Buffer): Promise<void> {
    const { localPort = 0 } = socket
    const first = parseFirstRequest(head, localPort)
    let app = ''
    try {
      if (first.kind === 'other')
        throw new Refused(
          403,
          `This port serves http://NAME.localhost:${localPort} only, for the names of msh app ls.`,
        )
      const byName = first.app !== null
      app = first.app ?? (await nameAt(first.kind === 'connect' ? first.host : ''))
      const via = first.kind === 'origin' ? undefined : byName ? 'http' : 'https'
      const server = await serverOf(app, via)
      if (socket.destroyed) return
      const isTunnel = first.kind === 'connect'
      const rest = isTunnel ? head.subarray(first.bytes) : head
      if (rest.length > 0) socket.unshift(rest)
      if (isTunnel && byName) established(socket)
      server.emit('connection', isTunnel && !byName ? await secure(socket, first.host) : socket)
    } catch (error) {
      const text = error instanceof Refused ? error.message : describeFailure(error, app)
      note(app === '' ? text : `${app}: ${text}`)
      refuse(socket, error instanceof Refused ? error.status : failureStatus(error), text)
    }
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    const owner = ownerOf(socket)
    readFirstHead(socket, async (head) => {
      try {
        if ((await owner) === 'own') return await route(socket, head)
        note('a program of another user tried to use the port; msh closed its connection.')
        refuse(socket, 403, 'This port belongs to another user of this machine.')
      } catch {
        socket.destroy()
      }
    })
  })
  server.on('close', () => {
    for (const made of servers.values()) made.then((one) => one.emit('close')).catch(() => {})
  })
  return server
}

class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const established = (socket: Socket): void => void socket.write('HTTP/1.1 200 Connection established\r\n\r\n')

function refuse(socket: Socket, status: number, text: string): void {
  const body = `${text}\n`
  // Reads on, so that the end of the client is noticed.
  socket.resume()
  socket.setTimeout(REFUSED_MS, () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
