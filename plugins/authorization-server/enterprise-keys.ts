import { type Clock, messageOf } from '@mezite/core'
import { createBoundedFetch, gaveNoResponse, isLinkLocal, isLoopback } from '@mezite/core/identity'
import type { FetchImplementation, JWTVerifyGetKey } from 'jose'
import type { EnterpriseTrust } from './enterprise.ts'

const KEPT_MS = 10 * 60_000
const RETRY_MS = 2_000
const REFETCH_MS = 30_000
const DEADLINE_MS = 5_000

/** The issuer could not be asked, so that nothing is known about an assertion of it. */
export class IssuerSilent extends Error {}

/**
 * The keys of the configured issuers, cached for ten minutes. An unknown key id makes the hub look again, at most every 30 s.
 * For `jose.jwtVerify`; rejects with `IssuerSilent` if the issuer does not send its keys.
 */
export function createEnterpriseKeys({ clock }: { readonly clock: Clock }) {
  const known = new Map<string, { readonly keys: Promise<JWTVerifyGetKey>; until: number }>()

  async function look({ issuer, jwks_uri }: EnterpriseTrust): Promise<JWTVerifyGetKey> {
    const { createRemoteJWKSet, customFetch } = await import('jose')
    const fetch = createBoundedFetch(issuer, DEADLINE_MS)
    const url = URL.parse(jwks_uri ?? (await discover(issuer, fetch)))
    const plain =
      url?.protocol === 'http:' && [issuer, url.href].every((at) => isLoopback(new URL(at).hostname))
    if (!url || isLinkLocal(url.hostname) || (url.protocol !== 'https:' && !plain))
      throw new Error('the issuer has no usable jwks_uri')
    const remote = createRemoteJWKSet(url, {
      // Looked up again below: the library would not do so right after a regular fetch.
      cooldownDuration: KEPT_MS,
      cacheMaxAge: KEPT_MS,
      timeoutDuration: DEADLINE_MS,
      [customFetch]: fetch as FetchImplementation,
    })
    let refetched = Number.NEGATIVE_INFINITY
    return async (header, token) => {
      try {
        return await remote(header, token)
      } catch (error) {
        const unknown = codeOf(error) === 'ERR_JWKS_NO_MATCHING_KEY'
        if (!unknown || clock.monotonic() - refetched < REFETCH_MS) throw error
        refetched = clock.monotonic()
        await remote.reload()
        return remote(header, token)
      }
    }
  }

  function keysOf(trust: EnterpriseTrust): Promise<JWTVerifyGetKey> {
    const id = `${trust.issuer} ${trust.jwks_uri ?? ''}`
    const cached = known.get(id)
    if (cached && cached.until > clock.monotonic()) return cached.keys
    const entry = { keys: look(trust), until: clock.monotonic() + KEPT_MS }
    known.set(id, entry)
    entry.keys.catch(() => {
      entry.until = clock.monotonic() + RETRY_MS
    })
    return entry.keys
  }

  return (trust: EnterpriseTrust): JWTVerifyGetKey =>
    async (header, token) => {
      const getKey = await keysOf(trust).catch((cause) => {
        throw new IssuerSilent(messageOf(cause), { cause })
      })
      try {
        return await getKey(header, token)
      } catch (error) {
        const silent = gaveNoResponse(error) || codeOf(error) === 'ERR_JWKS_TIMEOUT'
        throw silent ? new IssuerSilent(messageOf(error), { cause: error }) : error
      }
    }
}

const codeOf = (error: unknown): unknown => (Object(error) as { code?: unknown }).code

async function discover(issuer: string, fetch: ReturnType<typeof createBoundedFetch>): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (!response.ok) throw new Error(`the discovery document responds with ${response.status}`)
  const { issuer: named, jwks_uri } = Object(await response.json()) as Readonly<Record<string, unknown>>
  if (named !== issuer) throw new Error('the discovery document is of another issuer')
  return String(jwks_uri)
}
