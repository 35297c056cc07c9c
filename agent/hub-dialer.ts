import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import {
  type AgentTransport,
  type Log,
  MezError,
  messageOf,
  TUNNEL_ALPN,
  WISH_ALPN,
} from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import type { HubAddress } from './hub-address.ts'
import { connectHub } from './hub-connection.ts'

const DIAL_MS = 10_000

export interface CallOptions {
  readonly identity: AgentIdentity
  readonly address: HubAddress
  /** Tried in order. */
  readonly transports: readonly AgentTransport[]
  /** How long one transport may take to dial, in milliseconds. Default: 10 s. */
  readonly dialMs?: number
  readonly log: Log
}

export interface Called {
  readonly socket: TLSSocket
  /** On which it stands. */
  readonly certificate: string
  /** Name of the transport. */
  readonly transport: string
}

/**
 * Connects to the hub with this agent's certificate. `wish`: id of the hub that is wanted, whichever one a balancer leads
 * to; null: any. Rejects as `AgentIdentity.ensure` and `connectHub`, or with what the last transport said.
 */
export async function callHub(
  { identity, address, transports, dialMs = DIAL_MS, log }: CallOptions,
  wish: string | null,
  stopped: AbortSignal,
): Promise<Called> {
  const me = await identity.ensure(stopped)
  const alpn = wish === null ? [TUNNEL_ALPN] : [TUNNEL_ALPN, WISH_ALPN + wish]
  let failure: unknown = new MezError('MEZ_HUB_UNREACHABLE', 'no transport is configured')
  for (const transport of transports) {
    try {
      const carrier = await dialInTime(transport, address, stopped, dialMs)
      const socket = await connectHub({ carrier, host: address.host, alpn, ...me })
      return { socket, certificate: me.certificate, transport: transport.name }
    } catch (error) {
      failure = error
      log.debug({ transport: transport.name, error: messageOf(error) }, 'no link over this transport')
    }
  }
  throw failure
}

/** Ends with its deadline and with the agent, also when the transport heeds no signal: the next one gets its turn. */
async function dialInTime(
  transport: AgentTransport,
  address: HubAddress,
  stopped: AbortSignal,
  dialMs: number,
): Promise<Duplex> {
  const late = new AbortController()
  // One that holds the process: with nothing else to wait for, the agent would end.
  const timer = setTimeout(() => late.abort(), dialMs)
  const signal = AbortSignal.any([stopped, late.signal])
  const dialled = (async () => transport.dial({ ...address, signal }))()
  const over = Promise.withResolvers<never>()
  const what = `the transport '${transport.name}' did not connect within ${dialMs} ms`
  const end = () => over.reject(new MezError('MEZ_HUB_UNREACHABLE', what))
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    const carrier: unknown = await Promise.race([dialled, over.promise])
    if (carrier instanceof Duplex) return carrier
    throw new MezError('MEZ_HOOK_FAILED', `what the transport '${transport.name}' gave is no stream`)
  } catch (error) {
    // What comes too late.
    dialled.then(
      (carrier) => carrier?.destroy?.(),
      () => {},
    )
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}
