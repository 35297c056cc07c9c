import net, { createServer, Socket } from 'node:net'
import { listen } from '../../base/log/listening-port.ts'
import { MezError } from '../../kernel/error.ts'

/** A socket as Node.js itself holds it: bound, listening or connected. It can be sent to another process. */
export interface Handle {
  close(): void
  getsockname(into: { port?: number }): number
  readStop(): number
}

/** UV_TCP_REUSEPORT of libuv. */
const REUSE_PORT = 2

/**
 * Binds a socket without accepting from it, which `net.Server` cannot. `node:cluster` opens the sockets of its workers
 * with this function.
 */
const { _createServerHandle: bind } = net as unknown as {
  _createServerHandle(host: string, port: number, type: number, fd: number, flags?: number): Handle | number
}

/** The sockets of one port. */
export interface Port {
  readonly port: number
  readonly handles: readonly Handle[]
}

/**
 * Binds `count` sockets to one port, among which the kernel distributes connections. Another program that already listens
 * on the port would otherwise share it, so its absence is checked first.
 * Rejects with `MEZ_PORT_UNAVAILABLE` like `listen`; port 0 selects a free one.
 */
export async function bindPort(
  listenAddr: string,
  key: string,
  count: number,
  anyHost?: string,
): Promise<Port> {
  const probe = createServer()
  await listen(probe, listenAddr, key, anyHost)
  const { address, family, port } = probe.address() as net.AddressInfo
  await probe[Symbol.asyncDispose]()
  const flags = count > 1 ? REUSE_PORT : 0
  const handles = Array.from({ length: count }, () =>
    bound(bind(address, port, family === 'IPv6' ? 6 : 4, -1, flags), key),
  )
  return { port, handles }
}

/** Binds a Unix socket; the caller has removed an old one, and set the mask. */
export const bindPath = (path: string): Handle => bound(bind(path, -1, -1, -1), path)

function bound(result: Handle | number, key: string): Handle {
  if (typeof result !== 'number') return result
  throw new MezError('MEZ_PORT_UNAVAILABLE', `${key}: cannot bind: system error ${result}`)
}

/** The handle of a connection, from which this process reads no more. Null if the connection has ended. */
export function detach(socket: Socket): Handle | null {
  const { _handle: handle } = socket as unknown as { _handle: Handle | null }
  handle?.readStop()
  return handle
}

/** A connection that another process has sent, with the bytes that it had read. */
export function attach(handle: Handle, head: Buffer): Socket {
  const socket = new Socket({ handle, readable: true, writable: true } as never)
  socket.unshift(head)
  return socket
}
