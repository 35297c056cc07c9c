import { type Clock, type Log, MezError, messageOf } from '@mezite/core/agent'
import { dialHub, type HubAddress } from './hub-address.ts'
import { createIdentityStore, type Identity, validity } from './identity-store.ts'
import { joinCluster } from './join.ts'

const DIAL_MS = 10_000

/** Who this agent is: what it has stored, or what a join token buys. */
export interface AgentIdentity {
  /** The identity while it is valid, else a new one for the token. Rejects as `joinCluster`, or with `MEZ_IDENTITY_MISSING`. */
  ensure(signal: AbortSignal): Promise<Identity>
  readonly current: Identity | null
  /** Stores a renewed one, then uses it. Throws when it cannot be read or stored. */
  replace(identity: Identity): void
  /** The hub did not greet this identity: if there is a token that was not tried yet, it is, once. */
  doubt(): void
}

/** Reads and keeps the identity in the data directory. */
export function createAgentIdentity(options: {
  readonly dataDir: string
  readonly hostname: string
  readonly address: HubAddress
  readonly token: string | undefined
  /** Why there is none. */
  readonly tokenProblem: string | undefined
  readonly caPin: string | undefined
  readonly clock: Clock
  readonly log: Log
}): AgentIdentity {
  const { dataDir, hostname, address, token, caPin, clock, log } = options
  const store = createIdentityStore(dataDir)
  let current: Identity | null = null
  let doubted = false
  let tried = false

  async function join(signal: AbortSignal): Promise<Identity> {
    if (!token || !caPin) {
      const why = current ? 'its certificate has expired' : 'it has not joined yet'
      const lacking = token ? 'there is no ca_pin' : (options.tokenProblem ?? 'there is no token')
      throw new MezError('MEZ_IDENTITY_MISSING', `${hostname} cannot connect: ${why}, and ${lacking}`)
    }
    store.prepare()
    const carrier = await dialHub(address, AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]))
    const joined = await joinCluster({ carrier, host: address.host, caPin, token, hostname })
    store.write(joined)
    log.info({ hostname, cluster: joined.clusterName }, 'joined the cluster')
    tried = true
    current = joined
    return joined
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
      if (!current || validity(current).to <= clock.now()) return join(signal)
      if (!doubted || tried || !token || !caPin) return current
      // Such as an agent that was removed and is to join anew.
      tried = true
      return join(signal).catch((error: unknown) => {
        log.warn(
          { error: messageOf(error) },
          'the hub refuses the stored certificate, and the join token too',
        )
        return current as Identity
      })
    },
    replace(identity) {
      validity(identity)
      store.write(identity)
      current = identity
    },
    doubt() {
      doubted = true
    },
  }
}
