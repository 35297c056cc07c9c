import type { Clock } from '@mezite/core'
import { gaveNoResponse } from '@mezite/core/identity'
import type { AuthorizationResponseError } from 'openid-client'
import type { Attempt } from './attempts.ts'
import { type Claims, SignInRefused } from './claim-mapping.ts'
import { asClient } from './client-authentication.ts'
import type { Connector } from './connectors.ts'
import { type Provider, printable, providerError, SKEW_SECONDS, unreachable } from './providers.ts'
import { problemFor } from './reasons.ts'

/** An ID token older than this, in seconds, was not made for this sign-in. Entra ID dates its own 300 s back. */
const MAX_AGE_SECONDS = 300

export interface Identity {
  readonly issuer: string
  readonly sub: string
  readonly sid: string | null
  /** Claims of userinfo and of the ID token; the signed one wins where both have one. */
  readonly claims: Claims
  readonly idToken: string
  /** Null: the provider gave none. */
  readonly refreshToken: string | null
}

/**
 * Exchanges the code and checks everything that the provider returned: state, `iss` (RFC 9207), nonce, PKCE, the ID token's
 * signature and times, and that userinfo is about the same person. Throws `SignInRefused` for a refusal or a wrong
 * response of the provider, `Problem` 502 when it cannot be reached.
 */
export async function redeemCallback(input: {
  readonly connector: Connector
  readonly provider: Provider
  readonly attempt: Attempt
  readonly callbackUrl: URL
  readonly clock: Clock
}): Promise<Identity> {
  const { provider, attempt, callbackUrl, connector } = input
  const { metadata, methods } = provider
  const [client, { jwtVerify }] = await Promise.all([import('openid-client'), import('jose')])
  const refusing = async <T>(reason: Parameters<typeof refused>[0], step: () => Promise<T>): Promise<T> => {
    try {
      return await step()
    } catch (error) {
      if (gaveNoResponse(error)) throw unreachable(connector.name, error)
      if (error instanceof client.AuthorizationResponseError) throw refusedByProvider(error)
      throw refused(reason, error)
    }
  }
  const { tokens, config } = await refusing('token_refused', () =>
    asClient(methods, async ({ config }) => ({
      config,
      tokens: await client.authorizationCodeGrant(config, callbackUrl, {
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.verifier,
        idTokenExpected: true,
      }),
    })),
  )

  const idToken = tokens.id_token as string
  const { payload } = await refusing('id_token_refused', () =>
    jwtVerify(idToken, provider.keysFor('sign-in'), {
      algorithms: [...provider.algorithms],
      issuer: metadata.issuer,
      audience: connector.document.spec.client_id,
      clockTolerance: SKEW_SECONDS,
      maxTokenAge: MAX_AGE_SECONDS,
      currentDate: new Date(input.clock.now()),
      requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
    }),
  )
  const sub = payload.sub as string
  if (payload.azp !== undefined && payload.azp !== connector.document.spec.client_id) {
    throw refused('id_token_refused', new Error('the ID token was made for another client (azp)'))
  }
  const userinfo = metadata.userinfo_endpoint
    ? await refusing('userinfo_refused', () => client.fetchUserInfo(config, tokens.access_token, sub))
    : {}
  const sid = typeof payload.sid === 'string' ? payload.sid : null
  const refreshToken = tokens.refresh_token ?? null
  return { issuer: metadata.issuer, sub, sid, claims: mergeClaims(userinfo, payload), idToken, refreshToken }
}

/** `email_verified` is about the address beside it: userinfo does not vouch for another address in the ID token. */
export function mergeClaims(userinfo: Claims, idToken: Claims): Claims {
  const merged = { ...userinfo, ...idToken }
  const foreign =
    idToken.email !== undefined && idToken.email_verified === undefined && userinfo.email !== idToken.email
  return foreign ? { ...merged, email_verified: undefined } : merged
}

function refused(
  reason: 'id_token_refused' | 'token_refused' | 'userinfo_refused',
  cause: unknown,
): SignInRefused {
  const next = 'Try again. If this continues, contact your administrator.'
  return new SignInRefused(reason, `${problemFor(reason).message} ${next}`, { cause })
}

function refusedByProvider(error: AuthorizationResponseError): SignInRefused {
  const { provider_error: code = '', provider_error_description: description = '' } = providerError(error)
  const reason = printable(`${code} ${description}`)
  return new SignInRefused('provider_refused', `Your identity provider refused: ${reason}`, { cause: error })
}
