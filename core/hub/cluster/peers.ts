import type { SecretBox } from '../../api/secret-box.ts'
import type { Clock } from '../../kernel/clock.ts'
import { parseListenAddress } from '../config/address.ts'
import type { Address } from '../config/hub-config.ts'
import type { ProxySource, ProxyVerdict } from '../listener/proxy-protocol.ts'
import type { Registry } from './hub-registry.ts'

/** What a hub says ahead of a connection that it hands on, in one line: sealed, so that nobody else can say it. */
const START = Buffer.from('MEZITE-PEER/1 ', 'latin1')
const LONGEST = 1_024
/** Hubs' clocks may differ by as much. */
const LIFE_MS = 60_000

/** Where a connection comes from, and the hub that handed it on. */
export interface PeerSource extends ProxySource {
  readonly via: string
  /** Name of the transport that brought the connection; none: the other hub is older. */
  readonly transport?: string
}

export type PeerVerdict =
  | Exclude<ProxyVerdict, { readonly kind: 'header' }>
  | { readonly kind: 'header'; readonly length: number; readonly source: PeerSource }

/** The other hubs of the cluster, to which this one hands on the connections of agents that want them. */
export interface Peers {
  /** Id of this hub. */
  readonly self: string
  /** Where the hub is reached; null: it takes no links, or is not known. */
  addressOf(id: string): Address | null
  /** What goes ahead of the bytes of a connection. Only the hub `to` accepts it. */
  header(to: string, source: Omit<PeerSource, 'via'>): Buffer
  /** True when the bytes can become a header; `read` says whether they do. */
  isHeader(bytes: Buffer): boolean
  /** Reads what another hub said. Never throws. */
  read(bytes: Buffer): PeerVerdict
}

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
      const said = JSON.stringify({ via: instanceId, address, port, transport, at: clock.now() })
      const sealed = secretBox.seal(placeOf(to), Buffer.from(said))
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
        : { kind: 'invalid', reason: 'no hub of this cluster' }
    },
  }
}
