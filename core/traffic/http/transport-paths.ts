import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Problem } from '../../api/problem.ts'
import type { ConnectionInfo, StreamRequest } from '../../api/protocol.ts'
import { problemFor } from '../../api/reasons.ts'
import type { HubTransport, TransportPath } from '../../api/transport.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import type { CarrierOpening } from '../../wire/carrier-proof.ts'
import type { WebRoute } from './host-router.ts'

/** A request for a carrier that the host router has accepted. */
interface Arrival {
  readonly route: WebRoute
  readonly info: ConnectionInfo
  /** Sends the refusal. */
  readonly refuse: (problem: Problem) => void
}

/** The handlers of a path of the hub's own host. */
export interface ReceivingPath extends Pick<TransportPath, 'settings'> {
  /** Handles an HTTP/1.1 upgrade. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, arrival: Arrival): void
  /** Handles an extended CONNECT over HTTP/2. */
  connect?(request: StreamRequest, arrival: Arrival): void
}

/** Handlers by path. */
export type TransportPaths = ReadonlyMap<string, ReceivingPath>

/** Where a carrier comes from. */
export interface CarrierOrigin {
  readonly clientIp: string
  readonly transport: string
}

/** The part of a request target that is compared with the paths of transports. */
export const pathOf = (target: string): string => target.split('?', 1)[0] as string

const BROWSER = problemFor('origin_refused')
/** The same as for a path that does not exist. */
const STRANGER = problemFor('not_found')

interface PathsNeeds {
  readonly carriers: {
    admits(
      opening: CarrierOpening,
      authorization: string | undefined,
      from: { readonly clientIp: string },
    ): Promise<boolean>
  }
  readonly kernel: Pick<Kernel<HubHooks>, 'providerOf'>
  readonly log: Log
}

/**
 * The paths of the offered transports. Nothing of a request but its head is read before its proof is verified. `opening` counts
 * a carrier that is being opened, with a deadline: `close` ends it, and its result is called once the carrier is delivered.
 * Throws `MEZ_SERVICE_TWICE` if two transports claim the same path.
 */
export function transportPaths(
  transports: readonly HubTransport[],
  { carriers, kernel, log }: PathsNeeds,
  deliver: (carrier: Duplex, from: CarrierOrigin) => void,
  opening: (clientIp: string, close: () => void) => () => void,
): TransportPaths {
  const paths = new Map<string, ReceivingPath>()

  /** `start` passes the request to the transport, with the function that takes the carrier. */
  async function open(
    { route, info, refuse }: Arrival,
    asked: {
      readonly transport: string
      readonly method: 'GET' | 'CONNECT'
      readonly headers: NodeJS.Dict<string | string[]>
      readonly stream: Duplex
      readonly connection: Duplex
    },
    start: (take: (carrier: Duplex) => void) => unknown,
  ): Promise<void> {
    const { transport, method, headers, stream, connection } = asked
    if (headers.origin !== undefined) return refuse(BROWSER)
    const clientIp = info.clientOf?.(headers['x-forwarded-for']?.toString()) ?? info.clientIp
    const wanted = { method, host: new URL(route.origin).hostname, path: pathOf(route.target) }
    const proved = await carriers.admits(wanted, headers.authorization?.toString(), { clientIp })
    if (stream.destroyed) return
    if (!proved) return refuse(STRANGER)
    info.authenticated?.()
    const opened = opening(clientIp, () => connection.destroy())
    stream.once('close', opened)
    await start((carrier) => {
      opened()
      deliver(carrier, { clientIp, transport })
    })
  }

  for (const transport of transports) {
    const { name, path } = transport
    if (!path) continue
    if (paths.has(path.path)) throw new MezError('MEZ_SERVICE_TWICE', `two transports claim ${path.path}`)
    const failed = (connection: Duplex) => (error: unknown) => {
      const plugin = kernel.providerOf(transport)
      log.error({ plugin, transport: name, error: messageOf(error) }, 'a transport failed to open a carrier')
      connection.destroy()
    }
    paths.set(path.path, {
      ...(path.settings && { settings: path.settings }),
      ...(path.upgrade && {
        upgrade(request, socket, head, arrival) {
          const { headers } = request
          const own = { stream: socket, connection: socket }
          const asked = { transport: name, method: 'GET', headers, ...own } as const
          open(arrival, asked, (take) => path.upgrade?.(request, socket, head, take)).catch(failed(socket))
        },
      }),
      ...(path.connect && {
        connect(request, arrival) {
          const { headers, stream, socket: connection } = request
          const asked = { transport: name, method: 'CONNECT', headers, stream, connection } as const
          open(arrival, asked, (take) => path.connect?.(request, take)).catch(failed(connection))
        },
      }),
    })
  }
  return paths
}
