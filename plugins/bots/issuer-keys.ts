import { type Clock, messageOf } from '@mezite/core'
import { createBoundedFetch, gaveNoResponse, isLinkLocal, isLoopback } from '@mezite/core/identity'
import type { FetchImplementation, JWTVerifyGetKey } from 'jose'
import { isJoseError } from './refusal-reason.ts'

const DISCOVERY_TTL_MS = 10 * 60_000
const RETRY_MS = 2_000
const REFETCH_MS = 30_000
const DEADLINE_MS = 5_000
const MOST_ISSUERS = 200

/** The issuer could not be asked, so that nothing is known about a token of it. */
export class IssuerUnreachable extends Error {}

/**
 * The keys of issuers, found by discovery and cached for ten minutes. A key id that is not among them is looked up again, at
 * most every 30 s, so that tokens of strangers cannot make the hub call an issuer often.
 */
export function createIssuerKeys(clock: Clock) {
  const known = new Map<string, { keys: Promise<JWTVerifyGetKey>; until: number }>()

  async function discover(issuer: string): Promise<JWTVerifyGetKey> {
    const { createRemoteJWKSet, customFetch } = await import('jose')
    const fetch = createBoundedFetch(issuer, DEADLINE_MS)
    const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    if (!response.ok) throw new Error(`the discovery document responds with ${response.status}`)
    const { issuer: named, jwks_uri: address } = (await response.json()) as Record<string, unknown>
    if (named !== issuer) throw new Error('the discovery document is of another issuer')
    const url = typeof address === 'string' ? URL.parse(address) : null
    const local = isLoopback(new URL(issuer).hostname)
    const plain = url?.protocol === 'http:' && local && isLoopback(url.hostname)
    if (!url || isLinkLocal(url.hostname) || (url.protocol !== 'https:' && !plain))
      throw new Error('the discovery document has no usable jwks_uri')
    const remote = createRemoteJWKSet(url, {
      // Looked up again below: the library would not do so right after a regular fetch.
      cooldownDuration: DISCOVERY_TTL_MS,
      cacheMaxAge: DISCOVERY_TTL_MS,
      timeoutDuration: DEADLINE_MS,
      [customFetch]: fetch as FetchImplementation,
    })
    let refetched = Number.NEGATIVE_INFINITY
    return async (header, token) => {
      try {
        return await remote(header, token)
      } catch (error) {
        const unknown = isJoseError(error, 'ERR_JWKS_NO_MATCHING_KEY')
        if (!unknown || clock.monotonic() - refetched < REFETCH_MS) throw error
        refetched = clock.monotonic()
        await remote.reload()
        return remote(header, token)
      }
    }
  }

  function keysOf(issuer: string): Promise<JWTVerifyGetKey> {
    const cached = known.get(issuer)
    if (cached && cached.until > clock.monotonic()) return cached.keys
    const entry = { keys: discover(issuer), until: clock.monotonic() + DISCOVERY_TTL_MS }
    known.delete(issuer)
    known.set(issuer, entry)
    for (const [oldest] of known) if (known.size > MOST_ISSUERS) known.delete(oldest)
    entry.keys.catch(() => {
      entry.until = clock.monotonic() + RETRY_MS
    })
    return entry.keys
  }

  /** For `jose.jwtVerify`. Rejects with `IssuerUnreachable` if the issuer does not send its keys. */
  return (issuer: string): JWTVerifyGetKey =>
    async (header, token) => {
      let getKey: JWTVerifyGetKey
      try {
        getKey = await keysOf(issuer)
      } catch (cause) {
        throw new IssuerUnreachable(messageOf(cause), { cause })
      }
      try {
        return await getKey(header, token)
      } catch (error) {
        const silent = gaveNoResponse(error) || isJoseError(error, 'ERR_JWKS_TIMEOUT')
        throw silent ? new IssuerUnreachable(messageOf(error), { cause: error }) : error
      }
    }
}

export type IssuerKeys = ReturnType<typeof createIssuerKeys>
