import { createHash } from 'node:crypto'
import type { App } from '@mezite/core'
import type { Caller, Credential, CredentialRefusal, CredentialRequest } from '@mezite/core/identity'
import { DPOP_ALGORITHMS } from './dpop.ts'
import { APP_SCOPE } from './resources.ts'

/** Secret scanners look for these prefixes. */
export const ACCESS_TOKEN = 'mezite_at_'
export const REFRESH_TOKEN = 'mezite_rt_'

const TOKEN = /^mezite_at_([A-Za-z0-9_-]{43})$/
const METADATA = '/.well-known/oauth-protected-resource'
const LONGEST = 4_096
const REFUSED: Caller = { kind: 'refused', status: 401, code: 'token_invalid' }
const MISPLACED: Caller = { kind: 'refused', status: 401, code: 'token_misplaced' }

/** The random part of an access token. Throws `TypeError` for another text. */
export function secretOf(token: string): string {
  const secret = TOKEN.exec(token)?.[1]
  if (secret === undefined) throw new TypeError('not an access token')
  return secret
}

/**
 * The token of the session behind an access token. For a token that is bound to a key (RFC 9449) it depends on the key:
 * without a proof of this key, or with that of another one, the access token names no session.
 */
export const boundToken = (secret: string, thumbprint: string | undefined): string =>
  thumbprint === undefined
    ? secret
    : createHash('sha256').update(`${secret}.${thumbprint}`).digest('base64url')

/** The access token that the line of a header presents, and how; null if it presents none. */
function presented(value: string): { readonly token: string; readonly dpop: boolean } | null {
  if (value.length > LONGEST) return null
  const [, scheme = '', credentials = value] = /^([A-Za-z]+) +(.*)$/.exec(value) ?? []
  switch (scheme.toLowerCase()) {
    case '':
    case 'bearer':
      return credentials.startsWith(ACCESS_TOKEN) ? { token: credentials, dpop: false } : null
    case 'dpop':
      return credentials.startsWith(ACCESS_TOKEN) ? { token: credentials, dpop: true } : null
    case 'basic': {
      const text = basicText(credentials)
      if (!text.includes(':')) return null
      // Some programs have the token as the user: `TOKEN:` and `TOKEN:x-oauth-basic`.
      const parts = [text.slice(text.indexOf(':') + 1), text.slice(0, text.indexOf(':'))]
      const token = parts.find((part) => part.startsWith(ACCESS_TOKEN))
      return token === undefined ? null : { token, dpop: false }
    }
    default:
      return null
  }
}

/** What Basic credentials contain; empty for other text. */
const basicText = (credentials: string): string =>
  /^[A-Za-z0-9+/]+={0,2}$/.test(credentials) ? Buffer.from(credentials, 'base64').toString('latin1') : ''

/** Access and refresh tokens, and the secrets of apps; the plugins `bots` and `devices` look for their own where tokens may be. */
const SECRETS = /mezite_(?:at|rt|oc)_/
const SECRETS_ELSEWHERE = /mezite_(?:at|rt|oc|bot|dev)_/

/** Whether a line contains such a secret, also in the credentials of Basic. */
function mentions(secrets: RegExp, value: string): boolean {
  const line = value.slice(0, LONGEST)
  const [, credentials = ''] = /^basic +(.*)$/i.exec(line) ?? []
  return [line, basicText(credentials)].some((text) => secrets.test(text))
}

/**
 * The entry of `credentials` for headers in which programs send the tokens of other systems. One of the hub's own there is
 * refused: the app must not read it, also beside a cookie that lets the request in.
 */
export const misplacedToken: Extract<Credential, { from: 'header' }> = {
  name: 'misplaced-token',
  from: 'header',
  at: 'app',
  headers: [
    ...['private-token', 'job-token', 'deploy-token', 'api-key', 'apikey', 'x-api-key', 'x-access-token'],
    ...['x-gitlab-token', 'x-token', 'x-vault-token'],
  ],
  read: (value) => (mentions(SECRETS_ELSEWHERE, value) ? MISPLACED : null),
}

/** Programs that ask a registry of images or charts. They fail at a bearer challenge without `realm`, which is Docker's own. */
const REGISTRY_CLIENT =
  /^(?:docker|containerd|buildkit|containers|skopeo|podman|buildah|cri-o|go-containerregistry|crane|kaniko|oras|helm|cosign)\b/i

/**
 * Whether the request comes from a program that takes no other challenge than Basic: git, and clients of registries. It
 * depends on the request alone. For all others a browser would ask people for a password.
 */
function knowsOnlyBasic({ target, userAgent }: CredentialRefusal): boolean {
  const isGit =
    /^git\//.test(userAgent) && /\/(?:info\/refs\?service=git-|git-(?:upload|receive)-pack$)/.test(target)
  return isGit || (/^\/v2(?:\/|$)/.test(target) && REGISTRY_CLIENT.test(userAgent))
}

/**
 * The entry of `credentials` that lets programs in by an access token: `Authorization: Bearer` or `DPoP`, the password of
 * `Authorization: Basic`, or `Mezite-Token`.
 */
export function tokenCredential(options: {
  readonly issuer: string
  /** Whether programs may reach the app. */
  readonly admits: (app: App) => boolean
  /** The thumbprint of the key that the request's DPoP proof proves for this token. */
  readonly prove: (request: CredentialRequest, token: string) => Promise<string | null>
}): Extract<Credential, { from: 'header' }> {
  const { issuer, admits, prove } = options

  function read(value: string, request: CredentialRequest): Caller | null | Promise<Caller | null> {
    const found = presented(value)
    // A refresh token, or `Authorization: token TOKEN`: see `misplacedToken`.
    if (found === null) return mentions(SECRETS, value) ? MISPLACED : null
    const secret = TOKEN.exec(found.token)?.[1]
    if (secret === undefined) return REFUSED
    if (!found.dpop) return { kind: 'token', token: secret }
    return prove(request, found.token).then((thumbprint) =>
      thumbprint === null
        ? REFUSED
        : { kind: 'token', token: boundToken(secret, thumbprint), hides: ['dpop'] },
    )
  }

  function challenge(refusal: CredentialRefusal): string | null {
    const { origin, status, code, presented, maxAgeMs } = refusal
    if (status === 401 && knowsOnlyBasic(refusal)) return 'Basic realm="Mezite"'
    const stepUp = status === 403 && presented && /_required$/.test(code)
    if (status !== 401 && !stepUp) return null
    // RFC 9470: the program gets a token with a sign-in that is as fresh.
    const isOld = status === 401 && presented && maxAgeMs !== null
    const error = isOld
      ? 'insufficient_user_authentication'
      : stepUp
        ? 'insufficient_scope'
        : presented
          ? 'invalid_token'
          : null
    return [
      ...(error === null ? [] : [`error="${error}"`]),
      ...(isOld ? [`max_age="${Math.floor(maxAgeMs / 1_000)}"`] : []),
      `resource_metadata="${origin}${METADATA}"`,
      `scope="${APP_SCOPE}"`,
    ]
      .join(', ')
      .replace(/^/, 'Bearer ')
  }

  return {
    name: 'access-token',
    from: 'header',
    at: 'app',
    headers: ['authorization', 'mezite-token', 'dpop'],
    read,
    challenge,
    document: {
      path: METADATA,
      of: (origin, app) =>
        app !== undefined && !admits(app)
          ? null
          : {
              resource: `${origin}/`,
              authorization_servers: [issuer],
              scopes_supported: [APP_SCOPE],
              bearer_methods_supported: ['header'],
              dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
            },
    },
  }
}
