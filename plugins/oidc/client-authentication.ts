import type { ClientAuth, Configuration, ServerMetadata } from 'openid-client'
import { isPrivateKey, signingKeyOf } from './client-key.ts'
import type { Connector } from './connectors.ts'

/** `code` of openid-client's error for an error that the provider sent in a body. */
export const RESPONSE_BODY_ERROR = 'OAUTH_RESPONSE_BODY_ERROR'

/** A way to authenticate at the token endpoint, and the configuration that uses it. */
export interface ClientMethod {
  readonly name: string
  readonly config: Configuration
}

/**
 * The ways to authenticate, in the order in which they are tried. `auto`: a private key if one is stored; otherwise
 * basic where the provider offers it, then post, since some providers decode basic credentials wrongly. Rejects when the
 * provider offers nothing that fits the stored secret.
 */
export async function authenticationsOf(
  { document: { spec } }: Connector,
  metadata: ServerMetadata,
  secret: string | null,
): Promise<readonly { readonly name: string; readonly auth: ClientAuth }[]> {
  const client = await import('openid-client')
  if (secret === null) return [{ name: 'none', auth: client.None() }]
  const made = {
    private_key_jwt: () => client.PrivateKeyJwt(signingKeyOf(secret, metadata)),
    client_secret_basic: () => basic(secret),
    client_secret_post: () => client.ClientSecretPost(secret),
  }
  const named = (name: keyof typeof made) => ({ name, auth: made[name]() })
  if (spec.token_auth !== 'auto') return [named(spec.token_auth)]
  const offered = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  if (isPrivateKey(secret) && offered.includes('private_key_jwt')) return [named('private_key_jwt')]
  if (!isPrivateKey(secret) && offered.includes('client_secret_basic')) {
    return [named('client_secret_basic'), named('client_secret_post')]
  }
  if (!isPrivateKey(secret) && offered.includes('client_secret_post')) return [named('client_secret_post')]
  throw new Error(
    `the provider accepts ${offered.join(', ') || 'no client authentication'}, but the stored secret does not support any of these`,
  )
}

/**
 * RFC 6749 section 2.3.1 with as little escaping as a decoder needs: `-_.~` and the like stay, a space is `%20`. This way
 * providers that do not decode still accept most secrets.
 */
function basic(secret: string): ClientAuth {
  return (_as, { client_id }, _body, headers) => {
    const credentials = `${encodeURIComponent(client_id)}:${encodeURIComponent(secret)}`
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
}

/**
 * Calls the token endpoint with each method in turn until the provider accepts the client; the method that worked is tried
 * first from then on. If the provider refuses all of them, rejects with the error of the first.
 */
export async function asClient<T>(
  methods: ClientMethod[],
  call: (method: ClientMethod) => Promise<T>,
): Promise<T> {
  let refusal: unknown
  for (const method of [...methods]) {
    try {
      const result = await call(method)
      prefer(methods, method)
      return result
    } catch (error) {
      if (!isClientRefused(error)) {
        // Any other OAuth error is about the grant: the client was accepted.
        if (Object(error).code === RESPONSE_BODY_ERROR) prefer(methods, method)
        throw error
      }
      refusal ??= error
    }
  }
  throw refusal
}

function prefer(methods: ClientMethod[], method: ClientMethod): void {
  if (methods[0] === method) return
  methods.splice(methods.indexOf(method), 1)
  methods.unshift(method)
}

/** RFC 6749 section 5.2; some providers respond with 401 but without the code. */
export function isClientRefused(error: unknown): boolean {
  const { error: code, status } = error as { error?: unknown; status?: unknown }
  return code === 'invalid_client' || code === 'unauthorized_client' || status === 401
}
