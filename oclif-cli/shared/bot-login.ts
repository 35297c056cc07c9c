/**
 * Logins of bots: the proof of a program, exchanged for a certificate of at most an hour, and its renewal.
 *
 * @internal
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign } from 'node:crypto'
import { readLogin } from './browser-login.ts'
import { CliError, messageOf } from './cli-error.ts'
import { createHubClient } from './hub-client.ts'
import { type ProxyAddress, parseProxy, proxyEndpoint } from './hub-endpoint.ts'
import { jwkThumbprint } from './jwk-thumbprint.ts'
import { readPrivateFile } from './private-file.ts'
import type { BotLogin, ProofSource } from './proof-source.ts'
import {
  createUserKey,
  type Identity,
  identityOf,
  loginStore,
  type MshProfile,
  profileOf,
} from './user-identity.ts'

export type { BotLogin, ProofSource } from './proof-source.ts'

const ASSERTION_SECONDS = 120
const GITHUB_MS = 10_000
/** The part of a certificate's life after which it is renewed. */
const RENEW_AT = 2 / 3

/** The environment variables that `login --bot` reads without a flag. */
const BOT_VARIABLES = { idToken: 'MEZITE_ID_TOKEN', secret: 'MEZITE_BOT_SECRET' } as const

/** The source of the proof that this machine has, if no flag names one. Throws `MEZ_USAGE_WRONG`. */
export function sourceOfEnvironment(audience: string, env: NodeJS.ProcessEnv = process.env): ProofSource {
  if (env[BOT_VARIABLES.idToken]) return { kind: 'id_token', env: BOT_VARIABLES.idToken }
  if (env.ACTIONS_ID_TOKEN_REQUEST_URL) return { kind: 'github', audience }
  if (env[BOT_VARIABLES.secret]) return { kind: 'secret', env: BOT_VARIABLES.secret }
  throw new CliError('MEZ_USAGE_WRONG', 'the bot has nothing to prove itself with', {
    hint: `Use --key FILE, --id-token-file FILE or --secret-file FILE, or set ${BOT_VARIABLES.idToken}. In GitHub Actions, give the job the permission id-token: write.`,
  })
}

/** Exchanges a proof for a certificate. Throws `CliError`; a refusal of the hub has its code. */
export async function loginBot(options: {
  readonly proxy: ProxyAddress
  readonly ca: string | null
  readonly bot: BotLogin
  readonly ttlSeconds: number
}): Promise<MshProfile> {
  const { proxy, ca, bot, ttlSeconds } = options
  const client = createHubClient(proxyEndpoint(proxy, { token: null, ca, why: 'login', renewHint: '' }))
  const { key, publicKey } = createUserKey()
  const proof = await proofOf(bot, proxy)
  const response = await client.call('POST', '/user-certs', {
    body: { bot: bot.name, ...proof, public_key: publicKey, ttl_seconds: ttlSeconds },
  })
  const { login, body } = readLogin(response)
  return profileOf({ proxy, ca, login, body, key, bot })
}

/** Whether two thirds of the certificate's life are over, for a bot's login. */
export function isDue(profile: MshProfile, now = Date.now()): boolean {
  return profile.bot !== undefined && now >= renewalOf(identityOf(profile))
}

/** When a certificate is renewed, in milliseconds since the epoch. */
export const renewalOf = ({ issued, expires }: Pick<Identity, 'issued' | 'expires'>): number =>
  issued + (expires - issued) * RENEW_AT

/** Renews a bot's login and stores it. Throws `MEZ_USAGE_WRONG` for the login of a person. */
export async function renewBot(profile: MshProfile): Promise<Identity> {
  const { bot, ca } = profile
  if (bot === undefined) throw new CliError('MEZ_USAGE_WRONG', 'only the login of a bot renews itself')
  const renewed = await loginBot({ proxy: parseProxy(profile.proxy), ca, bot, ttlSeconds: 3_600 })
  loginStore().put(renewed)
  return identityOf(renewed)
}

async function proofOf({ name, source }: BotLogin, { name: proxy }: ProxyAddress) {
  switch (source.kind) {
    case 'key':
      return { assertion: signAssertion(name, `https://${proxy}`, read(source.file)) }
    case 'github':
      return { id_token: await githubToken(source.audience) }
    default: {
      const text = 'env' in source ? process.env[source.env] : read(source.file)
      if (!text?.trim())
        throw new CliError('MEZ_USAGE_WRONG', `${'env' in source ? source.env : source.file} is empty`)
      return { [source.kind]: text.trim() }
    }
  }
}

function read(file: string): string {
  const text = readPrivateFile(file)
  if (text === null) throw new CliError('MEZ_FILE_UNREADABLE', `${file} does not exist`)
  return text
}

/** An assertion of the bot (RFC 7523 section 3), valid for two minutes. Throws `MEZ_USAGE_WRONG` for an unusable key. */
function signAssertion(name: string, audience: string, pem: string): string {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (error) {
    throw new CliError('MEZ_USAGE_WRONG', `--key is not a private key in PEM: ${messageOf(error)}`)
  }
  const { alg, digest } = algorithmOf(key)
  const now = Math.floor(Date.now() / 1_000)
  const user = `bot:${name}`
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = { alg, typ: 'JWT', kid: jwkThumbprint(createPublicKey(key)) }
  const claims = {
    iss: user,
    sub: user,
    aud: audience,
    iat: now,
    exp: now + ASSERTION_SECONDS,
    jti: randomUUID(),
  }
  const text = `${encode(head)}.${encode(claims)}`
  const signature = sign(digest, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

function algorithmOf(key: KeyObject): { readonly alg: string; readonly digest: string | null } {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType
  switch (curve) {
    case 'rsa':
      return { alg: 'RS256', digest: 'sha256' }
    case 'prime256v1':
      return { alg: 'ES256', digest: 'sha256' }
    case 'secp384r1':
      return { alg: 'ES384', digest: 'sha384' }
    case 'ed25519':
      return { alg: 'EdDSA', digest: null }
    default:
      throw new CliError('MEZ_USAGE_WRONG', `--key is a key of ${curve}; use P-256, P-384, Ed25519 or RSA`)
  }
}

/** https://docs.github.com/actions: a job with `id-token: write` asks its runner for a token for an audience. */
async function githubToken(audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: address = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: token = '' } =
    process.env
  const url = URL.parse(address)
  if (url === null || token === '')
    throw new CliError(
      'MEZ_LOGIN_FAILED',
      'this is not a job of GitHub Actions with the permission id-token: write',
    )
  url.searchParams.set('audience', audience)
  try {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(GITHUB_MS),
    })
    const { value } = (await response.json()) as { value?: unknown }
    if (response.ok && typeof value === 'string') return value
    throw new Error(`it responds with ${response.status}`)
  } catch (error) {
    throw new CliError('MEZ_LOGIN_FAILED', `GitHub sends no ID token: ${messageOf(error)}`)
  }
}
