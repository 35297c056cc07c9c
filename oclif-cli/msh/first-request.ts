import type { Socket } from 'node:net'

const HEAD_MS = 60_000
const LONGEST_HEAD = 64 * 1024
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const END = '\r\n\r\n'

/** What the first request of a connection to the local proxy asks for. The server of the app reads it again, strictly. */
export type FirstRequest =
  /** A request to `http://NAME.localhost:PORT` itself. */
  | { readonly kind: 'origin'; readonly app: string }
  /** A request for `http://NAME.localhost` by a client that uses the port as its proxy. */
  | { readonly kind: 'absolute'; readonly app: string }
  /** A tunnel (RFC 9110 section 9.3.6); `bytes` is the length of its head. `host` has a port. */
  | { readonly kind: 'connect'; readonly app: string | null; readonly host: string; readonly bytes: number }
  /** Anything else, or a host that this port does not serve. */
  | { readonly kind: 'other' }

/** Calls `done` with all bytes up to and beyond the end of the first head. Drops clients that are slow or send too much. */
export function readFirstHead(socket: Socket, done: (bytes: Buffer) => void): void {
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

/** Reads the first head that arrived at this port. */
export function parseFirstRequest(bytes: Buffer, port: number): FirstRequest {
  const text = bytes.toString('latin1')
  const end = text.indexOf(END)
  const [start = '', ...lines] = text.slice(0, end).split('\r\n')
  const valuesOf = (name: string) =>
    lines.flatMap((line) => {
      const colon = line.indexOf(':')
      return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : []
    })
  const [, method = '', target = ''] = /^(\S+) (\S+) HTTP\/1\.[01]$/.exec(start) ?? []
  if (method === 'CONNECT') {
    const host = target.toLowerCase()
    // No page can make a browser send CONNECT; a browser that uses this port as its proxy names no page either.
    const named = valuesOf('host')
    if (!/^[a-z0-9.-]{1,253}:\d{1,5}$/.test(host) || named.length > 1) return { kind: 'other' }
    return { kind: 'connect', app: appOf(host, [80, port]), host, bytes: end + END.length }
  }
  const absolute = /^http:\/\/([^/?#]*)/i.exec(target)?.[1]
  const [host, ...more] = absolute === undefined ? valuesOf('host') : [absolute]
  if (host === undefined || more.length > 0) return { kind: 'other' }
  const app = appOf(host.toLowerCase(), absolute === undefined ? [port] : [80, port])
  if (app === null) return { kind: 'other' }
  return { kind: absolute === undefined ? 'origin' : 'absolute', app }
}

/** The name in `NAME.localhost` with one of these ports; null: another host. */
function appOf(host: string, ports: readonly number[]): string | null {
  const [, name = '', port = '80'] = /^([^.:]*)\.localhost(?::(\d{1,5}))?$/.exec(host) ?? []
  return DNS_LABEL.test(name) && ports.includes(Number(port)) ? name : null
}
