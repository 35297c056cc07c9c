import { type Clock, type Log, MezError, messageOf, proveAgent, proveJoin } from '@mezite/core/agent'
import type { HubAddress } from './hub-address.ts'
import { createIdentityStore, type Identity, validity } from './identity-store.ts'
import { connectExpired, connectPinned, joinCluster, renewExpired } from './join.ts'
import type { TransportChoice } from './transport-choice.ts'

/** The identity of this agent: stored, or obtained with a join token. */
export interface AgentIdentity {
  /**
   * Returns the identity if it is valid, otherwise renews it or joins with the token. Rejects like `joinCluster`, or with
   * `MEZ_IDENTITY_MISSING`.
   */
  ensure(signal: AbortSignal): Promise<Identity>
  readonly current: Identity | null
  /** Stores a renewed identity, then uses it. Throws if it cannot be read or stored. */
  replace(identity: Identity): void
  /** Call it when the hub did not greet this identity: a token that has not been used yet is tried once. */
  doubt(): void
}

/** Loads the identity from the data directory and stores it there. */
export function createAgentIdentity(options: {
  readonly dataDir: string
  readonly hostname: string
  readonly address: HubAddress
  readonly choice: Pick<TransportChoice, 'reach'>
  readonly token: string | undefined
  /** Why there is no token. */
  readonly tokenProblem: string | undefined
  readonly caPin: string | undefined
  readonly clock: Clock
  readonly log: Log
}): AgentIdentity {
  const { dataDir, hostname, address, choice, token, caPin, clock, log } = options
  const store = createIdentityStore(dataDir)
  let current: Identity | null = null
  let doubted = false
  let tried = false
  /** Dials to several hubs share it: a second renewal would supersede the certificate of the first. */
  let obtaining: Promise<Identity> | null = null

  async function join(signal: AbortSignal): Promise<Identity> {
    if (!token || !caPin) {
      const why = current ? 'its certificate has expired' : 'it has not joined yet'
      const lacking = token ? 'there is no ca_pin' : (options.tokenProblem ?? 'there is no token')
      throw new MezError('MEZ_IDENTITY_MISSING', `${hostname} cannot connect: ${why}, and ${lacking}`)
    }
    store.prepare()
    const request = await store.joinRequest(hostname)
    const joined = await joinCluster({
      connect: () =>
        choice.reach((carrier) => connectPinned({ carrier, host: address.host, caPin }), {
          signal,
          prove: proveJoin(token, clock),
        }),
      token,
      hostname,
      request,
    })
    store.write(joined)
    log.info({ hostname, cluster: joined.clusterName }, 'joined the cluster')
    tried = true
    current = joined
    return joined
  }

  /** Null if the hub refuses. For some days after the expiry, the hub renews a certificate for proof of the key. */
  async function renew(expired: Identity, signal: AbortSignal): Promise<Identity | null> {
    store.prepare()
    const renewed = await renewExpired(expired, () =>
      choice.reach((carrier) => connectExpired(carrier, address.host, expired), {
        signal,
        prove: proveAgent(expired, clock),
      }),
    ).catch((error: unknown) => {
      // A token joins without the hub's old authorities.
      if (token && caPin && !signal.aborted) return null
      throw error
    })
    if (!renewed) return null
    replace(renewed)
    log.info({ hostname: expired.hostname }, 'renewed a certificate that had expired')
    return renewed
  }

  async function obtain(expired: Identity | null, signal: AbortSignal): Promise<Identity> {
    return (expired && (await renew(expired, signal))) ?? join(signal)
  }

  function replace(identity: Identity): void {
    validity(identity)
    store.write(identity)
    current = identity
  }

  function read(): Identity | null {
    const stored = store.read()
    if (stored && stored.hostname !== hostname) {
      log.warn({ hostname, stored: stored.hostname }, 'connecting under the name that this agent joined with')
    }
    return stored
  }

  return {
    get current() {
      return current
    },
    async ensure(signal) {
      current ??= read()
      if (!current || validity(current).to <= clock.now()) {
        obtaining ??= obtain(current, signal).finally(() => {
          obtaining = null
        })
        return obtaining
      }
      if (!doubted || tried || !token || !caPin) return current
      // For example, the agent was removed and must join again.
      tried = true
      return join(signal).catch((error: unknown) => {
        log.warn(
          { error: messageOf(error) },
          'the hub refuses both the stored certificate and the join token',
        )
        return current as Identity
      })
    },
    replace,
    doubt() {
      doubted = true
    },
  }
}
