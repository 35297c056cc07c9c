import { type Clock, messageOf, Problem } from '@mezite/core'
import * as jose from 'jose'
import * as client from 'openid-client'
import { createBoundedFetch } from './bounded-fetch.ts'
import { SignInRefused } from './claim-mapping.ts'
import { isPrivateKey, privateKeyJwt } from './client-key.ts'
import type { Connector, Connectors } from './connectors.ts'
import { isLinkLocal, isLoopback } from './loopback.ts'

/** Signatures that are accepted when the provider announces them. Nothing symmetric, never `none`. */
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
const JWKS_COOLDOWN_MS = 30_000
const JWKS_TTL_MS = 10 * 60_000
/** How openid-client wraps what a fetch has failed with. */
const SAYS_NOTHING = 'something went wrong'

/** What discovery found, ready for use. */
export interface Provider {
  readonly config: client.Configuration
  readonly metadata: client.ServerMetadata
  readonly keys: ReturnType<typeof jose.createRemoteJWKSet>
  readonly algorithms: readonly string[]
}

/** Providers by connector version; discovered when first needed, again after ten minutes. */
export function createProviders(parts: { connectors: Connectors; clock: Clock; deadlineMs?: number }) {
  const { connectors, clock, deadlineMs } = parts
  const known = new WeakMap<Connector, { provider: Promise<Provider>; until: number }>()

  /**
   * One discovery at a time, whoever waits for it. Rejects with `Problem` 502 `provider_unreachable` when it fails,
   * and goes on doing so for two seconds: visitors do not decide how often a provider in trouble is asked.
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
    const local = isLoopback(new URL(issuer).hostname)
    try {
      const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
        [client.customFetch]: boundedFetch as client.CustomFetch,
        execute: local ? [client.allowInsecureRequests] : [],
      })
      const metadata = found.serverMetadata()
      for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const) {
        if (!isAllowedUrl(metadata[name], local)) throw new Error(`discovery names no usable ${name}`)
      }
      const authentication = clientAuthentication(connector, metadata, connectors.secretOf(connector))
      const config = new client.Configuration(
        metadata,
        clientId,
        { [client.clockTolerance]: SKEW_SECONDS },
        authentication,
      )
      config[client.customFetch] = boundedFetch as client.CustomFetch
      if (local) client.allowInsecureRequests(config)
      const sameKeys = previous && previous.metadata.jwks_uri === metadata.jwks_uri
      return {
        config,
        metadata,
        // The keys outlive a new discovery, so their cool-down holds whatever else happens.
        keys: sameKeys ? previous.keys : remoteKeys(metadata.jwks_uri as string, boundedFetch),
        algorithms: (metadata.id_token_signing_alg_values_supported ?? ['RS256']).filter((algorithm) =>
          ALGORITHMS.includes(algorithm),
        ),
      }
    } catch (error) {
      throw error instanceof Problem ? error : unreachable(connector.name, error)
    }
  }

  return { of }
}

export type Providers = ReturnType<typeof createProviders>

/** What a visitor is told. The cause is for the log and for `mezctl sso test`: it may name hosts inside. */
export function unreachable(connector: string, cause: unknown): Problem {
  const detail =
    `The identity provider of ${connector} cannot be used at the moment. ` +
    'Try again shortly; if it lasts, an administrator finds the cause with `mezctl sso test`.'
  const problem = new Problem(502, 'provider_unreachable', detail)
  problem.cause = cause
  return problem
}

/** An endpoint that a browser or the hub may be sent to. */
export function isAllowedUrl(address: unknown, local: boolean): address is string {
  const url = typeof address === 'string' ? URL.parse(address) : null
  if (!url || isLinkLocal(url.hostname)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && local && isLoopback(url.hostname))
}

/** The chain of causes in one line, cut short: providers write what they like into it. */
export function words(error: unknown): string {
  const parts = new Set<string>()
  // What a visitor is told leads here, so it is no cause.
  const told = error instanceof Problem || error instanceof SignInRefused
  let one = told && error.cause !== undefined ? error.cause : error
  for (let depth = 0; one instanceof Error && depth < 8; one = one.cause, depth++) parts.add(messageIn(one))
  parts.delete(SAYS_NOTHING)
  return [...parts]
    .join(': ')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .slice(0, 300)
}

/** Every address of a host that has several was tried: the message is empty then, and each attempt has its own. */
function messageIn(error: Error): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ')
  return messageOf(error)
}

function remoteKeys(address: string, boundedFetch: ReturnType<typeof createBoundedFetch>) {
  return jose.createRemoteJWKSet(new URL(address), {
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_TTL_MS,
    timeoutDuration: 10_000,
    [jose.customFetch]: boundedFetch as jose.FetchImplementation,
  })
}

/** How the hub proves itself at the token endpoint. `auto`: what discovery offers, basic first (its default). */
export function tokenAuth(
  connector: Connector,
  metadata: client.ServerMetadata,
  secret: string | null,
): string {
  const { token_auth: wanted } = connector.document.spec
  if (secret === null) return 'none'
  if (wanted !== 'auto') return wanted
  const offered = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const usable = isPrivateKey(secret) ? ['private_key_jwt'] : ['client_secret_basic', 'client_secret_post']
  const chosen = usable.find((method) => offered.includes(method))
  if (chosen) return chosen
  throw new Error(
    `the provider takes ${offered.join(', ') || 'nothing'} and the stored secret fits none of them`,
  )
}

function clientAuthentication(
  connector: Connector,
  metadata: client.ServerMetadata,
  secret: string | null,
): client.ClientAuth {
  const method = tokenAuth(connector, metadata, secret)
  if (secret === null) return client.None()
  if (method === 'client_secret_basic') return client.ClientSecretBasic(secret)
  if (method === 'client_secret_post') return client.ClientSecretPost(secret)
  return privateKeyJwt(secret, metadata)
}
