import { isIP } from 'node:net'
import { Duplex } from 'node:stream'
import {
  type AgentTransport,
  isMezError,
  type Log,
  MezError,
  messageOf,
  type ProveCarrier,
} from '@mezite/core/agent'
import { CONFIG_HINT } from './agent-schema.ts'
import type { HubAddress } from './hub-address.ts'
import { connectOutbound } from './outbound-connection.ts'

/** Timeout of one transport for dialling and its first exchange. */
const ATTEMPT_MS = 10_000
/** The timeout while there are other transports to fall back on. */
const ATTEMPT_WITH_FALLBACK_MS = 4_000

/** Uses a carrier; throws if the hub cannot be reached through it. */
export type UseCarrier<T> = (carrier: Duplex, transport: string) => Promise<T>

export interface ReachOptions {
  readonly signal: AbortSignal
  /** Proves this agent, or its join token, in the request that opens a carrier. */
  readonly prove: ProveCarrier
  /** Connect to this address instead of the public one, with the current transport only. */
  readonly at?: HubAddress
  /** Try only the transports that are preferred over the current one. */
  readonly onlyPreferred?: boolean
  /** Timeout of the dial alone, in milliseconds; the first exchange then has the usual one. */
  readonly dialMs?: number
}

/** The transports of an agent in the order of its configuration, and the current one. */
export interface TransportChoice {
  /**
   * Dials with the current transport, then with the others in order, until `use` succeeds with a carrier; that transport
   * becomes the current one. Rejects with the error of the first transport, or immediately with an error that is not
   * about the network.
   */
  reach<T>(use: UseCarrier<T>, options: ReachOptions): Promise<T>
  /**
   * Call it when a link over this transport failed before the greeting: the next dial starts with another transport.
   */
  failed(transport: string): void
  /** True if a less preferred transport is in use. */
  readonly fellBack: boolean
}

/**
 * The transports that `tunnel.transports` names, in its order; all transports if it is not set. Throws
 * `MEZ_CONFIG_INVALID`, and `MEZ_SERVICE_TWICE` if two have the same name.
 */
export function selectTransports(
  provided: readonly AgentTransport[],
  wanted: readonly string[] | undefined,
): readonly AgentTransport[] {
  const twin = provided.find(({ name }, at) => provided.findIndex((each) => each.name === name) !== at)
  if (twin) throw new MezError('MEZ_SERVICE_TWICE', `two transports are named '${twin.name}'`)
  if (!wanted || wanted.length === 0) return provided
  return wanted.map((name) => {
    const transport = provided.find((each) => each.name === name)
    if (transport) return transport
    const available = provided.map((each) => each.name).join(', ') || 'none'
    const what = `\`tunnel.transports\` names "${name}", but no loaded plugin provides it (available: ${available})`
    throw new MezError('MEZ_CONFIG_INVALID', what, { hint: CONFIG_HINT })
  })
}

/** With a single transport there is no fallback; with several, each is tried until one works. */
export function createTransportChoice(options: {
  readonly address: HubAddress
  readonly transports: readonly AgentTransport[]
  readonly env?: NodeJS.ProcessEnv
  readonly log: Log
}): TransportChoice {
  const { address, transports, log } = options
  let inUse = 0
  /** After all transports have failed, the network may just be slow, so the timeouts are longer. */
  let patient = transports.length < 2

  async function attempt<T>(
    transport: AgentTransport,
    use: UseCarrier<T>,
    { signal, prove, at = address, dialMs }: ReachOptions,
    attemptMs: number,
  ): Promise<T> {
    const late = new AbortController()
    let ms = dialMs ?? attemptMs
    // Keeps the process alive while there is no other open handle.
    let timer = setTimeout(() => late.abort(), ms)
    const ended = AbortSignal.any([signal, late.signal])
    const over = Promise.withResolvers<never>()
    const end = () =>
      over.reject(
        new MezError('MEZ_HUB_UNREACHABLE', `the transport '${transport.name}' timed out after ${ms} ms`),
      )
    ended.addEventListener('abort', end)
    if (ended.aborted) end()
    const connect = (other?: { readonly port: number }) =>
      connectOutbound({ ...at, ...other }, ended, options.env)
    const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host.toLowerCase()
    const proof = (method: 'GET' | 'CONNECT', path: string) => prove({ method, host, path })
    const dialled = (async () => transport.dial({ ...address, signal: ended, connect, proof }))()
    try {
      const carrier: unknown = await Promise.race([dialled, over.promise])
      if (!(carrier instanceof Duplex)) {
        throw new MezError('MEZ_HOOK_FAILED', `the transport '${transport.name}' did not return a stream`)
      }
      if (dialMs !== undefined) {
        clearTimeout(timer)
        ms = attemptMs
        timer = setTimeout(() => late.abort(), ms)
      }
      return await Promise.race([use(carrier, transport.name), over.promise])
    } catch (error) {
      // The carrier may arrive after the timeout.
      dialled.then(
        (carrier) => carrier?.destroy?.(),
        () => {},
      )
      throw error
    } finally {
      clearTimeout(timer)
      ended.removeEventListener('abort', end)
    }
  }

  return {
    get fellBack() {
      return inUse > 0
    },
    failed(transport) {
      if (transports[inUse]?.name === transport) inUse = (inUse + 1) % transports.length
    },
    async reach(use, reach) {
      const { signal, at, onlyPreferred = false } = reach
      const candidates = onlyPreferred
        ? transports.slice(0, inUse)
        : at
          ? transports.slice(inUse, inUse + 1)
          : [...transports.slice(inUse), ...transports.slice(0, inUse)]
      const ms = at || patient ? ATTEMPT_MS : ATTEMPT_WITH_FALLBACK_MS
      const failures: { transport: string; error: unknown }[] = []
      for (const transport of candidates) {
        try {
          const value = await attempt(transport, use, reach, ms)
          if (!at) {
            if (!onlyPreferred) for (const failure of failures) warn(failure, transport.name)
            inUse = transports.indexOf(transport)
            patient = transports.length < 2
          }
          return value
        } catch (error) {
          if (signal.aborted || !isAboutNetwork(error)) throw error
          failures.push({ transport: transport.name, error })
          log.debug({ transport: transport.name, error: messageOf(error) }, 'transport failed')
        }
      }
      if (!at && !onlyPreferred) patient = true
      throw failures[0]?.error ?? new MezError('MEZ_HUB_UNREACHABLE', 'no transport is configured')
    },
  }

  function warn({ transport, error }: { transport: string; error: unknown }, other: string): void {
    const { port } = address
    log.warn(
      { transport, port, error: messageOf(error), hint: likelyCause(error, port) },
      `${transport} does not get through to the hub, using ${other}`,
    )
  }
}

/** True if another transport may help. A refused token, for example, is refused over every transport. */
function isAboutNetwork(error: unknown): boolean {
  const codes = [
    'MEZ_HUB_UNREACHABLE',
    'MEZ_HUB_UNTRUSTED',
    'MEZ_PIN_MISMATCH',
    'MEZ_HOOK_FAILED',
    'MEZ_CARRIER_REFUSED',
  ] as const
  const isOurs = typeof (error as { code?: unknown })?.code === 'string' && isMezError(error)
  return !isOurs || codes.some((code) => isMezError(error, code))
}

/** The most likely cause of an error on the way to a hub, as a sentence for an administrator. */
export function likelyCause(error: unknown, port: number): string {
  const text = messageOf(error)
  if (/clock/.test(text)) return 'An administrator of this machine can repair it.'
  if (/expired|not yet valid/.test(text)) {
    return 'The clock of this machine or of the hub is wrong: compare them with `mezd doctor`.'
  }
  if (isMezError(error, 'MEZ_CARRIER_REFUSED')) {
    return 'The token is used or expired, the agent was removed, or the clocks differ by more than a minute.'
  }
  if (isMezError(error, 'MEZ_HUB_UNTRUSTED') || isMezError(error, 'MEZ_PIN_MISMATCH')) {
    return `A firewall or proxy inspects TLS on port ${port}; ask its administrator to exempt the hub.`
  }
  if (/proxy/.test(text)) return 'The HTTP proxy does not let this through; ask its administrator.'
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'The name of the hub cannot be resolved; check DNS.'
  if (/ECONNREFUSED/.test(text))
    return `Nothing listens on TCP port ${port} of the hub, or a firewall rejects it.`
  if (/ENETUNREACH|EHOSTUNREACH/.test(text)) return 'There is no route to the hub; check the network.'
  if (/timed out|handshake/i.test(text)) return `A firewall drops connections to TCP port ${port} of the hub.`
  return `A firewall or balancer on the way to TCP port ${port} lets only ordinary web traffic pass.`
}
