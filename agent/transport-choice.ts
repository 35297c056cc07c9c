import { Duplex } from 'node:stream'
import { type AgentTransport, isMezError, type Log, MezError, messageOf } from '@mezite/core/agent'
import { CONFIG_HINT } from './agent-schema.ts'
import type { HubAddress } from './hub-address.ts'
import { connectOutbound } from './outbound-connection.ts'

/** How long one transport may take to dial and to finish its first exchange. */
const ATTEMPT_MS = 10_000
/** The same while other transports are there to fall back on. */
const ATTEMPT_WITH_FALLBACK_MS = 4_000

/** Uses a carrier; throws when the hub at its other end cannot be reached by it. */
export type UseCarrier<T> = (carrier: Duplex, transport: string) => Promise<T>

export interface ReachOptions {
  readonly signal: AbortSignal
  /** Connect here instead of to the public address. Only the transport in use is tried. */
  readonly at?: HubAddress
  /** Try only the transports that are preferred to the one in use. */
  readonly onlyPreferred?: boolean
  /** How long each transport may take, in milliseconds. */
  readonly attemptMs?: number
}

/** The transports of an agent in the order of its configuration, and the one in use. */
export interface TransportChoice {
  /**
   * Dials with the transport in use, then with the others in order, until `use` succeeds with a carrier; that transport is
   * in use from then on. Rejects with the error of the first one that was tried, or at once with one that is not about
   * the network.
   */
  reach<T>(use: UseCarrier<T>, options: ReachOptions): Promise<T>
  /** A link over this transport failed before the hub greeted: the next dial begins with another one. */
  failed(transport: string): void
  /** A transport that the configuration prefers is not in use. */
  readonly fellBack: boolean
}

/**
 * The transports that `tunnel.transports` names, in its order; all when it names none. Throws `MEZ_CONFIG_INVALID` and,
 * when two have one name, `MEZ_SERVICE_TWICE`.
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

/** One transport alone is kept whatever happens; of several, each is tried until one gets through. */
export function createTransportChoice(options: {
  readonly address: HubAddress
  readonly transports: readonly AgentTransport[]
  readonly env?: NodeJS.ProcessEnv
  readonly log: Log
}): TransportChoice {
  const { address, transports, log } = options
  let inUse = 0
  /** After a round without success the network may just be slow. */
  let patient = transports.length < 2

  async function attempt<T>(
    transport: AgentTransport,
    use: UseCarrier<T>,
    { signal, at = address }: ReachOptions,
    ms: number,
  ): Promise<T> {
    const late = new AbortController()
    // Holds the process: with nothing else to wait for, the agent would end.
    const timer = setTimeout(() => late.abort(), ms)
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
    const dialled = (async () => transport.dial({ ...address, signal: ended, connect }))()
    try {
      const carrier: unknown = await Promise.race([dialled, over.promise])
      if (!(carrier instanceof Duplex)) {
        throw new MezError('MEZ_HOOK_FAILED', `the transport '${transport.name}' did not return a stream`)
      }
      return await Promise.race([use(carrier, transport.name), over.promise])
    } catch (error) {
      // The carrier may come after its deadline.
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
      const ms = reach.attemptMs ?? (patient ? ATTEMPT_MS : ATTEMPT_WITH_FALLBACK_MS)
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

/** Another transport may do better. A refused token, for example, is refused over each. */
function isAboutNetwork(error: unknown): boolean {
  const codes = ['MEZ_HUB_UNREACHABLE', 'MEZ_HUB_UNTRUSTED', 'MEZ_PIN_MISMATCH', 'MEZ_HOOK_FAILED'] as const
  const isOurs = typeof (error as { code?: unknown })?.code === 'string' && isMezError(error)
  return !isOurs || codes.some((code) => isMezError(error, code))
}

/** What most often causes such an error on the way to a hub, in a sentence for an administrator. */
export function likelyCause(error: unknown, port: number): string {
  const text = messageOf(error)
  if (/clock/.test(text)) return 'An administrator of this machine can repair it.'
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
