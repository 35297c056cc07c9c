import { parseListenAddress } from '../../api/address.ts'
import type { SecretBox } from '../../api/secret-box.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { PeerSource, Peers, Registry } from '../../state/hubs/cluster.ts'

/** Starts the line that a hub sends ahead of a forwarded connection. The rest is sealed, so that nobody can forge it. */
const START = Buffer.from('MEZITE-PEER/1 ', 'latin1')
const LONGEST = 1_024
/** How much the clocks of two hubs may differ. */
const LIFE_MS = 60_000

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
