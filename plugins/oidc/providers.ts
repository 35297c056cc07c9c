import { type Clock, Problem } from '@mezite/core'
import { causesOf, createBoundedFetch, isLinkLocal, isLoopback } from '@mezite/core/identity'
import type { FetchImplementation, JWTVerifyGetKey } from 'jose'
import type {
  AuthorizationResponseError,
  CustomFetch,
  ResponseBodyError,
  ServerMetadata,
} from 'openid-client'
import { authenticationsOf, type ClientMethod, RESPONSE_BODY_ERROR } from './client-authentication.ts'
import type { Connector, Connectors } from './connectors.ts'
import { atProvider, problemFor } from './reasons.ts'

/** Signature algorithms that are accepted when the provider announces them: none symmetric, and never `none`. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

/** Clocks may differ by this much, in seconds. */
export const SKEW_SECONDS = 60
const CONFIG_TTL_MS = 10 * 60_000
const RETRY_MS = 2_000
const REFETCH_MS = 30_000
const JWKS_TTL_MS = 10 * 60_000
/** The message with which openid-client wraps an error of a fetch. */
const EMPTY_WRAPPER = 'something went wrong'

/** The use of a key: anyone can send logout tokens, so they must not use up the refetch that a sign-in may need. */
export type KeyUse = 'sign-in' | 'logout'

/** The result of discovery, ready for use. */
export interface Provider {
  readonly metadata: ServerMetadata
  /** Ways to authenticate at the token endpoint, the one that worked last first. See `asClient`. */
  readonly methods: ClientMethod[]
  keysFor(use: KeyUse): JWTVerifyGetKey
  readonly algorithms: readonly string[]
}

/** Providers by connector version, discovered when first needed and again after ten minutes. */
export function createProviders(deps: { connectors: Connectors; clock: Clock; deadlineMs?: number }) {
  const { connectors, clock, deadlineMs } = deps
  const known = new WeakMap<Connector, { provider: Promise<Provider>; until: number }>()
  /** When an unknown key id last caused a refetch, by issuer and use; as many entries as connectors had issuers. */
  const refetched = new Map<string, number>()

  /**
   * One discovery at a time, however many callers wait for it. Rejects with `Problem` 502 `provider_unreachable` when it
   * fails and keeps rejecting for two seconds, so that visitors cannot make the hub call a failing provider often.
   */
  function of(connector: Connector): Promise<Provider> {
    const cached = known.get(connector)
    if (cached && cached.until > clock.monotonic()) return cached.provider
    const previous = cached?.provider.catch(() => undefined)
    const provider = Promise.resolve(previous).then((found) => discover(connector, found))
    const entry = { provider, until: clock.monotonic() + CONFIG_TTL_MS }
    known.set(connector, entry)
    provider.catch(() => {
      entry.until = clock.monotonic() + RETRY_MS
    })
    return provider
  }

  async function discover(connector: Connector, previous: Provider | undefined): Promise<Provider> {
    const { issuer_url: issuer, client_id: clientId } = connector.document.spec
    const boundedFetch = createBoundedFetch(issuer, deadlineMs)
    const [client, jose] = await Promise.all([import('openid-client'), import('jose')])
    const local = isLoopback(new URL(issuer).hostname)
    try {
      const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
        [client.customFetch]: boundedFetch as CustomFetch,
        execute: local ? [client.allowInsecureRequests] : [],
      })
      const metadata = found.serverMetadata()
      for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const) {
        if (!isAllowedUrl(metadata[name], local))
          throw new Error(`the discovery document does not contain a usable ${name}`)
      }
      const ways = await authenticationsOf(connector, metadata, connectors.secretOf(connector))
      const methods = ways.map(({ name, auth }): ClientMethod => {
        const config = new client.Configuration(
          metadata,
          clientId,
          { [client.clockTolerance]: SKEW_SECONDS },
          auth,
        )
        config[client.customFetch] = boundedFetch as CustomFetch
        if (local) client.allowInsecureRequests(config)
        return { name, config }
      })
      const worked = previous?.methods[0]?.name
      methods.sort((a, b) => Number(b.name === worked) - Number(a.name === worked))
      const sameKeys = previous && previous.metadata.jwks_uri === metadata.jwks_uri
      return {
        metadata,
        methods,
        keysFor: sameKeys
          ? previous.keysFor
          : keysOf(jose, issuer, metadata.jwks_uri as string, boundedFetch),
        algorithms: (metadata.id_token_signing_alg_values_supported ?? ['RS256']).filter((algorithm) =>
          ALGORITHMS.includes(algorithm),
        ),
      }
    } catch (error) {
      throw error instanceof Problem ? error : unreachable(connector.name, error)
    }
  }

  /** The provider's keys. An unknown key id refetches them at once, and again only after 30 s. */
  function keysOf(
    jose: typeof import('jose'),
    issuer: string,
    address: string,
    boundedFetch: ReturnType<typeof createBoundedFetch>,
  ) {
    const remote = jose.createRemoteJWKSet(new URL(address), {
      // The hub refetches by itself: the library would not do so right after a regular fetch.
      cooldownDuration: JWKS_TTL_MS,
      cacheMaxAge: JWKS_TTL_MS,
      timeoutDuration: 10_000,
      [jose.customFetch]: boundedFetch as FetchImplementation,
    })
    return (use: KeyUse): JWTVerifyGetKey =>
      async (header, token) => {
        try {
          return await remote(header, token)
        } catch (error) {
          if (!(error instanceof jose.errors.JWKSNoMatchingKey) || !mayRefetch(`${issuer} ${use}`))
            throw error
          await remote.reload()
          return remote(header, token)
        }
      }
  }

  function mayRefetch(key: string): boolean {
    const now = clock.monotonic()
    if (now - (refetched.get(key) ?? Number.NEGATIVE_INFINITY) < REFETCH_MS) return false
    refetched.set(key, now)
    return true
  }

  return { of }
}

export type Providers = ReturnType<typeof createProviders>

/** The problem that a visitor reads. The cause is for the log and for `mezctl sso test`: it may name internal hosts. */
export function unreachable(connector: string, cause: unknown): Problem {
  const detail = `The identity provider "${connector}" is not responding. Try again in a moment. If this continues, contact your administrator.`
  const problem = problemFor('provider_unreachable', detail, { title: atProvider.en })
  problem.cause = cause
  return problem
}

/** An endpoint that a browser or the hub may be sent to. */
export function isAllowedUrl(address: unknown, local: boolean): address is string {
  const url = typeof address === 'string' ? URL.parse(address) : null
  if (!url || isLinkLocal(url.hostname)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && local && isLoopback(url.hostname))
}

/** The chain of causes, with the provider's own error, in one line, cut short because a provider may write anything. */
export function words(error: unknown): string {
  const { provider_error: code, provider_error_description: description } = providerError(error)
  const own = code === undefined ? '' : `: the provider says ${code}${description ? ` (${description})` : ''}`
  return (printable(causesOf(error, [EMPTY_WRAPPER])) + own).slice(0, 600)
}

/** The provider's own `error` and `error_description` (RFC 6749 sections 4.1.2.1 and 5.2), as fields of the audit. */
export function providerError(error: unknown): Readonly<Record<string, string>> {
  for (let one = error, depth = 0; one instanceof Error && depth < 8; one = one.cause, depth++) {
    if (!isProviderError(one)) continue
    const description = printable(one.error_description ?? '')
    return {
      provider_error: printable(one.error),
      ...(description === '' ? {} : { provider_error_description: description }),
    }
  }
  return {}
}

function isProviderError(error: Error): error is ResponseBodyError | AuthorizationResponseError {
  const { code } = error as { code?: unknown }
  return code === RESPONSE_BODY_ERROR || code === 'OAUTH_AUTHORIZATION_RESPONSE_ERROR'
}

/** A stranger's text for a page and a log line: printable, short. */
export function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 300)
}
