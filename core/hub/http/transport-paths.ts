import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionInfo, StreamRequest } from '../../api/protocol.ts'
import type { HubTransport } from '../../api/transport.ts'
import { MezError } from '../../kernel/error.ts'

/** The handlers of a path of the hub's own host. */
export interface ReceivingPath {
  /** Handles an HTTP/1.1 upgrade. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, info: ConnectionInfo): void
  /** Handles an extended CONNECT over HTTP/2. */
  connect?(request: StreamRequest, info: ConnectionInfo): void
}

/** Handlers by path. */
export type TransportPaths = ReadonlyMap<string, ReceivingPath>

/** The part of a request target that is compared with the paths of transports. */
export const pathOf = (target: string): string => target.split('?', 1)[0] as string

/**
 * The paths of the offered transports; `deliver` receives each carrier from them. Throws `MEZ_SERVICE_TWICE` if two
 * transports claim the same path.
 */
export function transportPaths(
  transports: readonly HubTransport[],
  deliver: (carrier: Duplex, from: { readonly clientIp: string; readonly transport: string }) => void,
): TransportPaths {
  const paths = new Map<string, ReceivingPath>()
  for (const { name, path } of transports) {
    if (!path) continue
    if (paths.has(path.path)) throw new MezError('MEZ_SERVICE_TWICE', `two transports claim ${path.path}`)
    const to = (info: ConnectionInfo, forwardedFor: string | string[] | undefined) => (carrier: Duplex) =>
      deliver(carrier, {
        clientIp: info.clientOf?.(forwardedFor?.toString()) ?? info.clientIp,
        transport: name,
      })
    paths.set(path.path, {
      ...(path.upgrade && {
        upgrade: (request, socket, head, info) =>
          path.upgrade?.(request, socket, head, to(info, request.headers['x-forwarded-for'])),
      }),
      ...(path.connect && {
        connect: (request, info) => path.connect?.(request, to(info, request.headers['x-forwarded-for'])),
      }),
    })
  }
  return paths
}
