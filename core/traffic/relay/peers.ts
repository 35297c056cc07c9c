import { type Address, parseListenAddress } from '../../api/address.ts'
import type { SecretBox } from '../../api/secret-box.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import type { ProxyResult, ProxySource } from '../../wire/proxy-protocol.ts'

/** Starts the line that a hub sends ahead of a forwarded connection. The rest is sealed, so that nobody can forge it. */
const START = Buffer.from('MEZITE-PEER/1 ', 'latin1')
const LONGEST = 1_024
/** How much the clocks of two hubs may differ. */
const LIFE_MS = 60_000

/** Where a connection comes from, and the hub that forwarded it. */
export interface PeerSource extends ProxySource {
  readonly via: string
  /** Name of the transport of the connection; missing when the other hub runs an older version. */
  readonly transport?: string
}

export type PeerResult =
  | Exclude<ProxyResult, { readonly kind: 'header' }>
  | { readonly kind: 'header'; readonly length: number; readonly source: PeerSource }

/** The other hubs of the cluster. This hub forwards the connections of agents that ask for one of them. */
export interface Peers {
  /** Id of this hub. */
  readonly self: string
  /** Where the hub is reached; null: it accepts no links, or is unknown. */
  addressOf(id: string): Address | null
  /** The line to send ahead of the bytes of a connection. Only the hub `to` accepts it. */
  header(to: string, source: Omit<PeerSource, 'via'>): Buffer
  /** True when the bytes may be the start of a header; `read` decides. */
  isHeader(bytes: Buffer): boolean
  /** Reads the header of another hub. Never throws. */
  read(bytes: Buffer): PeerResult
}

/** The other hubs, known by their heartbeats. */
export function createPeers(options: {
  readonly registry: Pick<Registry, 'reachable'>
  readonly secretBox: SecretBox
  readonly instanceId: string
  readonly clock: Clock
}): Peers {
  const { registry, secretBox, instanceId, clock } = options
  const placeOf = (to: string) => ({ table: 'hubs', id: to, purpose: 'peer' })

  function open(sealed: string): PeerSource | null {
    try {
      const plain = secretBox.open(placeOf(instanceId), Buffer.from(sealed, 'base64url'))
      const { at, ...source } = JSON.parse(plain.toString('utf8')) as PeerSource & { at: number }
      return Math.abs(clock.now() - at) > LIFE_MS ? null : source
    } catch {
      return null
    }
  }

  return {
    self: instanceId,
    addressOf: (id) => parseListenAddress(registry.reachable.get(id) ?? ''),
    header(to, { address, port, transport }) {
      const text = JSON.stringify({ via: instanceId, address, port, transport, at: clock.now() })
      const sealed = secretBox.seal(placeOf(to), Buffer.from(text))
      return Buffer.concat([START, Buffer.from(`${sealed.toString('base64url')}\r\n`, 'latin1')])
    },
    isHeader(bytes) {
      const length = Math.min(bytes.length, START.length)
      return bytes.subarray(0, length).equals(START.subarray(0, length))
    },
    read(bytes) {
      const end = bytes.subarray(0, LONGEST).indexOf('\r\n')
      if (end < 0) {
        return bytes.length < LONGEST ? { kind: 'more' } : { kind: 'invalid', reason: 'peer line too long' }
      }
      const source = open(bytes.toString('latin1', START.length, end))
      return source
        ? { kind: 'header', length: end + 2, source }
        : { kind: 'invalid', reason: 'not a hub of this cluster' }
    },
  }
}
