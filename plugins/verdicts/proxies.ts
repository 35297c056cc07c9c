import { createHash, timingSafeEqual } from 'node:crypto'
import { createNetworks, type Networks } from '@mezite/core/identity'
import type { ProxyConfig } from './config.ts'
import { linesOf, SECRET } from './lines.ts'

/** A proxy that may ask. */
export interface AskingProxy {
  readonly name: string
  readonly kind: ProxyConfig['kind']
}

interface Known extends AskingProxy {
  readonly hash: Buffer
  /** Null: it may call from anywhere. */
  readonly networks: Networks | null
}

/** Recognises proxies by their secret and the address from which they call. */
export class Proxies {
  readonly #known: readonly Known[]

  constructor(proxies: Readonly<Record<string, ProxyConfig>>) {
    this.#known = Object.entries(proxies).map(([name, { kind, secret, networks }]) => ({
      ...{ name, kind, hash: hashOf(secret) },
      networks: networks === undefined ? null : createNetworks(networks),
    }))
  }

  /** The proxy that sends these lines from this address; null if it is none, or sends two secrets. */
  of(rawHeaders: readonly string[], peer: string): AskingProxy | null {
    const [secret, ...more] = linesOf(rawHeaders).filter(([name]) => name === SECRET)
    if (secret === undefined || more.length > 0) return null
    const hash = hashOf(secret[1])
    let found: Known | null = null
    // Each is compared, so that the time says nothing.
    for (const proxy of this.#known) if (timingSafeEqual(hash, proxy.hash)) found = proxy
    return found === null || found.networks?.has(peer) === false ? null : found
  }
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
