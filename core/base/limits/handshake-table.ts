import type { ConnectionInfo } from '../../api/protocol.ts'
import type { Clock } from '../../kernel/clock.ts'
import { addressGroup, addressKey } from './address-key.ts'

/** A connection whose TLS handshake is not finished, or on which nobody has authenticated. */
export interface Handshake {
  info: ConnectionInfo
  /** The handshake has ended, successfully or not. May be called more than once. */
  done(): void
  /** Closes the connection to make room for others. */
  evict(): void
}

export interface HandshakeTableOptions {
  /** The most concurrent handshakes. */
  readonly most: number
  /** Addresses with a live session, for which a share is reserved while the table fills. */
  readonly sessionAddresses: () => Iterable<string>
  /** Called when a handshake of this group was closed to make room for another connection. */
  readonly evicted: (group: string) => void
  readonly clock: Pick<Clock, 'monotonic'>
}

const REFRESH_MS = 2_000
const MOST_AGENTS = 10_000

/**
 * The unfinished handshakes of the public port, or its connections on which nobody has authenticated. When the table is
 * full, the oldest of the address group (IPv4 /24, IPv6 /48) that holds most is closed, so a flood costs its sender. Half of the table is a share of agents and of addresses
 * with a live session, which no flood can take. Each operation takes constant time.
 */
export class HandshakeTable {
  readonly #options: HandshakeTableOptions
  /** By group, the oldest first, without known addresses. */
  readonly #groups = new Map<string, Set<Handshake>>()
  /** Groups by their number of handshakes. */
  readonly #bySize: Set<string>[] = []
  readonly #groupOf = new Map<Handshake, string | null>()
  /** Addresses from which agents have connected, the newest last. */
  readonly #agents = new Set<string>()
  #sessions: ReadonlySet<string> = new Set()
  #refreshed = Number.NEGATIVE_INFINITY
  #known = 0

  constructor(options: HandshakeTableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#groupOf.size
  }

  /** Adds a handshake of the address; closes another one if the table is full. */
  add(handshake: Handshake, address: string): void {
    const full = this.size >= this.#options.most
    const known = this.#known < Math.floor(this.#options.most / 2) && this.#isKnown(address)
    const group = known ? null : addressGroup(address)
    this.#groupOf.set(handshake, group)
    if (group === null) this.#known += 1
    else {
      const members = this.#groups.get(group) ?? new Set()
      this.#groups.set(group, members)
      members.add(handshake)
      this.#move(group, members.size - 1, members.size)
    }
    // The new one counts, so that of two groups of the same size the one that grows pays.
    if (full) this.makeRoom()
  }

  /** Closes a connection, of the largest group the oldest one; false if all are in the share of known addresses. */
  makeRoom(): boolean {
    const [group] = this.#bySize.at(-1) ?? []
    const [oldest] = (group === undefined ? undefined : this.#groups.get(group)) ?? []
    if (group === undefined || oldest === undefined) return false
    this.delete(oldest)
    this.#options.evicted(group)
    oldest.evict()
    return true
  }

  delete(handshake: Handshake): void {
    const group = this.#groupOf.get(handshake)
    if (group === undefined) return
    this.#groupOf.delete(handshake)
    if (group === null) {
      this.#known -= 1
      return
    }
    const members = this.#groups.get(group)
    members?.delete(handshake)
    const size = members?.size ?? 0
    this.#move(group, size + 1, size)
    if (size === 0) this.#groups.delete(group)
  }

  /** An agent has shown its certificate from this address. */
  rememberAgent(address: string): void {
    const key = addressKey(address)
    this.#agents.delete(key)
    this.#agents.add(key)
    const [oldest] = this.#agents
    if (this.#agents.size > MOST_AGENTS && oldest !== undefined) this.#agents.delete(oldest)
  }

  #isKnown(address: string): boolean {
    // The share is not needed before the table is half full.
    if (this.size < this.#options.most / 2) return false
    const now = this.#options.clock.monotonic()
    if (now - this.#refreshed > REFRESH_MS) {
      this.#refreshed = now
      this.#sessions = new Set([...this.#options.sessionAddresses()].map(addressKey))
    }
    const key = addressKey(address)
    return this.#agents.has(key) || this.#sessions.has(key)
  }

  #move(group: string, from: number, to: number): void {
    this.#bySize[from]?.delete(group)
    for (let size = this.#bySize.length; size <= to; size++) this.#bySize[size] = new Set()
    if (to > 0) this.#bySize[to]?.add(group)
    while (this.#bySize.length > 0 && this.#bySize.at(-1)?.size === 0) this.#bySize.pop()
  }
}
