import type { Clock } from '@mezite/core'
import * as jose from 'jose'
import * as client from 'openid-client'
import type { Attempt } from './attempts.ts'
import { gaveNoAnswer } from './bounded-fetch.ts'
import { type Claims, SignInRefused } from './claim-mapping.ts'
import type { Connector } from './connectors.ts'
import { type Provider, SKEW_SECONDS, unreachable } from './providers.ts'

/** What people read; what exactly was wrong stands in the log. */
const SENTENCES = {
  token_refused: 'Your identity provider did not complete this sign-in.',
  id_token_refused: 'What your identity provider says about you could not be verified.',
  userinfo_refused: 'Your identity provider did not say who you are.',
}

/** An ID token older than this, in seconds, was not made for this sign-in. Entra ID dates its own 300 s back. */
const MAX_AGE_SECONDS = 300

export interface Identity {
  readonly issuer: string
  readonly sub: string
  readonly sid: string | null
  /** Claims of userinfo and of the ID token; where both have one, the signed one counts. */
  readonly claims: Claims
  readonly idToken: string
}

/**
 * Exchanges the code and checks everything that came back: state, `iss` (RFC 9207), nonce, PKCE, the ID token's
 * signature and times, and that userinfo speaks of the same person. Throws `SignInRefused` for what the
 * provider said, `Problem` 502 when it cannot be reached.
 */
export async function redeemCallback(input: {
  readonly connector: Connector
  readonly provider: Provider
  readonly attempt: Attempt
  readonly callbackUrl: URL
  readonly clock: Clock
}): Promise<Identity> {
  const { provider, attempt, callbackUrl, connector } = input
  const { config, metadata } = provider
  const saidNo = callbackUrl.searchParams.get('error')
  const refusing = async <T>(reason: keyof typeof SENTENCES, step: () => Promise<T>): Promise<T> => {
    try {
      return await step()
    } catch (error) {
      if (gaveNoAnswer(error)) throw unreachable(connector.name, error)
      throw refused(reason, error)
    }
  }
  const tokens = await refusing('token_refused', () =>
    client.authorizationCodeGrant(config, callbackUrl, {
      expectedState: attempt.state,
      expectedNonce: attempt.nonce,
      pkceCodeVerifier: attempt.verifier,
      idTokenExpected: true,
    }),
  ).catch((error: unknown) => {
    if (saidNo === null || !(error instanceof SignInRefused)) throw error
    const description = callbackUrl.searchParams.get('error_description') ?? ''
    throw new SignInRefused('provider_refused', `The provider says: ${printable(`${saidNo} ${description}`)}`)
  })

  const idToken = tokens.id_token as string
  const { payload } = await refusing('id_token_refused', () =>
    jose.jwtVerify(idToken, provider.keys, {
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
  return { issuer: metadata.issuer, sub, sid, claims: { ...userinfo, ...payload }, idToken }
}

function refused(reason: keyof typeof SENTENCES, cause: unknown): SignInRefused {
  const next = 'Open the page again. If this comes back, an administrator finds why in the log of the hub.'
  return new SignInRefused(reason, `${SENTENCES[reason]} ${next}`, { cause })
}

/** Words of a stranger for a page and a log line: printable, short. */
function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 300)
}
