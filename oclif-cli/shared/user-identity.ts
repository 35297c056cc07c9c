/**
 * The stored logins and identity files of msh.
 *
 * @internal
 */
import { generateKeyPairSync } from 'node:crypto'
import type { LoginResult } from './browser-login.ts'
import { readUserCertificate } from './certificate-facts.ts'
import { CliError } from './cli-error.ts'
import { createHubClient, type HubClient } from './hub-client.ts'
import { type ProxyAddress, parseProxy, proxyEndpoint } from './hub-endpoint.ts'
import { programHome, programSecrets, readPrivateFile, writePrivateFile } from './private-file.ts'
import { createProfileStore, type Profile, type ProfileStore } from './profile-store.ts'
import type { BotLogin } from './proof-source.ts'
import type { SecretStore } from './secret-store.ts'

/** A user at one hub, with the credentials that prove it: from a stored login or an identity file. */
export interface Identity {
  readonly proxy: ProxyAddress
  readonly user: string
  readonly cluster: string
  /** PEM, PKCS #8. */
  readonly key: string
  /** PEM. */
  readonly certificate: string
  /** PEM bundle. */
  readonly hubCa: string
  /** Start and end of the certificate, in milliseconds since the epoch. */
  readonly issued: number
  readonly expires: number
  readonly sessionId: string | null
  /** Roles at the time of the login; empty if not known. */
  readonly roles: readonly string[]
  /** Credential for the JSON API; null for an identity file. */
  readonly token: string | null
  /** PEM of the authority to trust for the hub's web certificate, in addition to the system's. */
  readonly ca: string | null
  /** The identity file; null for a login. */
  readonly file: string | null
}

/** A stored login: the bearer token, and the key of this machine with its certificate, both PEM. */
export interface MshProfile extends Profile {
  readonly key: string
  readonly certificate: string
  readonly roles: readonly string[]
  readonly session_id: string | null
  /** The bot, and how it proves itself again; absent for a person. */
  readonly bot?: BotLogin
}

/** The folder of msh's files: MSH_HOME or ~/.msh. */
export function mshHome(): string {
  return programHome('MSH_HOME', '.msh')
}

/** The store of the system for the secrets of msh; null where there is none, and with MSH_HOME. */
export const mshSecrets = (): SecretStore | null => programSecrets('MSH_HOME', 'mezite-msh')

/** The stored logins, one for each hub. */
export const loginStore = (): ProfileStore<MshProfile> =>
  createProfileStore<MshProfile>(mshHome(), ['key', 'certificate'], mshSecrets())

/** The login to store, from the hub's response to a login and the key that it certified. */
export function profileOf(options: {
  readonly proxy: ProxyAddress
  readonly ca: string | null
  readonly login: LoginResult
  readonly body: Readonly<Record<string, unknown>>
  readonly key: string
  readonly bot?: BotLogin
}): MshProfile {
  const { proxy, ca, login, body, key, bot } = options
  return {
    proxy: proxy.name,
    ca,
    ...login,
    key,
    ...(bot && { bot }),
    certificate: String(body.certificate ?? ''),
    roles: Array.isArray(body.roles) ? body.roles.map(String) : [],
    session_id: typeof body.session_id === 'string' ? body.session_id : null,
  }
}

/** A stored login as an identity, expired or not. Throws `MEZ_IDENTITY_INVALID`. */
export function identityOf(profile: MshProfile): Identity {
  const facts = readUserCertificate(profile.certificate)
  const { user, cluster, key, certificate, hub_ca, session_id, roles, token, ca } = profile
  if (!facts || hub_ca === null) {
    throw new CliError('MEZ_IDENTITY_INVALID', `the login at ${profile.proxy} has no usable certificate`, {
      hint: `Run msh login --proxy ${profile.proxy}.`,
    })
  }
  return {
    proxy: parseProxy(profile.proxy),
    user,
    cluster,
    key,
    certificate,
    roles,
    token,
    ca,
    hubCa: hub_ca,
    issued: facts.notBefore,
    expires: facts.notAfter,
    sessionId: session_id,
    file: null,
  }
}

/** The next step when an identity is no longer accepted. */
export function renewHint({ file, proxy }: Identity): string {
  return file === null
    ? `Run msh login --proxy ${proxy.name}.`
    : `Create another identity file with msh login --proxy ${proxy.name} --out FILE.`
}

/**
 * The hub's JSON API as this user; null for an identity file, which contains no credential for it. `latest`: the identity
 * after its renewals, whose credential each request carries.
 */
export function hubClientOf(identity: Identity, latest = () => identity): HubClient | null {
  const { proxy, token, ca, user } = identity
  if (token === null) return null
  const options = { token, ca, why: `signed in as ${user}`, renewHint: renewHint(identity) }
  return createHubClient({
    ...proxyEndpoint(proxy, options),
    get token() {
      return latest().token
    },
  })
}

const BLOCK = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g

/**
 * Writes key, certificate and hub CA as PEM (mode 0600, atomically). The lines before the first block, which PEM allows
 * (RFC 7468 section 2), name the hub, so that the file is sufficient by itself.
 */
export function writeIdentityFile(
  file: string,
  identity: Pick<Identity, 'key' | 'certificate' | 'hubCa' | 'proxy' | 'user' | 'expires'>,
): void {
  const { proxy, user, expires, key, certificate, hubCa } = identity
  const head = [
    'Mezite identity. Anyone with this file can act as the user until it expires.',
    `Hub: ${proxy.name}`,
    `User: ${encodeURI(user)}`,
    `Expires: ${new Date(expires).toISOString()}`,
  ]
  const blocks = [key, certificate, hubCa].map((pem) => pem.trim())
  writePrivateFile(file, `${[...head, ...blocks].join('\n')}\n`)
}

/** Reads an identity file; `proxy` replaces the hub that it names. Throws `MEZ_IDENTITY_INVALID`, `MEZ_CREDENTIALS_UNSAFE`. */
export function readIdentityFile(file: string, proxy: ProxyAddress | null): Identity {
  const text = readPrivateFile(file)
  if (text === null) {
    throw new CliError('MEZ_FILE_UNREADABLE', `the identity file ${file} does not exist`)
  }
  const invalid = (what: string, hint?: string) =>
    new CliError('MEZ_IDENTITY_INVALID', `the identity file ${file} ${what}`, hint ? { hint } : {})
  const blocks = [...text.matchAll(BLOCK)].map(([block, kind]) => ({ kind, block: `${block}\n` }))
  const keys = blocks.filter(({ kind }) => kind?.endsWith('PRIVATE KEY'))
  const [certificate, ...authorities] = blocks.filter(({ kind }) => kind === 'CERTIFICATE')
  if (keys.length !== 1) throw invalid(`contains ${keys.length} private keys instead of one`)
  const facts = certificate ? readUserCertificate(certificate.block) : null
  if (!certificate || !facts) throw invalid("does not begin with a user's certificate")
  if (authorities.length === 0) throw invalid('does not contain the CA of the hub')
  const named = /^Hub: (\S+)$/m.exec(text.slice(0, text.indexOf('-----BEGIN')))?.[1]
  if (proxy === null && named === undefined) {
    throw invalid('does not name its hub', 'Name the hub with --proxy HOST[:PORT] or MEZITE_PROXY.')
  }
  return {
    proxy: proxy ?? parseProxy(named!),
    user: facts.user,
    cluster: facts.cluster,
    key: keys[0]!.block,
    certificate: certificate.block,
    hubCa: authorities.map(({ block }) => block).join(''),
    issued: facts.notBefore,
    expires: facts.notAfter,
    sessionId: facts.sessionId,
    roles: [],
    token: null,
    ca: null,
    file,
  }
}

/** A new P-256 key: `key` (PKCS #8) stays on this machine, `publicKey` (SubjectPublicKeyInfo) goes to the hub. Both PEM. */
export function createUserKey(): { readonly key: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { key: privateKey, publicKey }
}
