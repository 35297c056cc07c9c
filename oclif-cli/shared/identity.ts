/**
 * The stored logins and identity files of msh.
 *
 * @internal
 */
import { generateKeyPairSync } from 'node:crypto'
import * as Flags from '@oclif/core/flags'
import type * as Interfaces from '@oclif/core/interfaces'
import { BaseCommand } from './base-command.ts'
import type { BotLogin } from './bot-login.ts'
import type { LoginResult } from './browser-login.ts'
import { readUserCertificate } from './certificate-facts.ts'
import { CliError } from './cli-error.ts'
import { type CallOptions, createHubClient, type HubClient } from './hub-client.ts'
import { type ProxyAddress, parseProxy, proxyEndpoint } from './hub-endpoint.ts'
import { programHome, readPrivateFile, writePrivateFile } from './private-file.ts'
import { createProfileStore, notLoggedIn, type Profile, type ProfileStore } from './profile-store.ts'
import { withProgress } from './terminal.ts'

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

/** The stored logins, one for each hub. */
export function loginStore(): ProfileStore<MshProfile> {
  return createProfileStore<MshProfile>(mshHome(), ['key', 'certificate'])
}

/** A command that acts as a signed-in user. */
export abstract class MshCommand extends BaseCommand {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    identity: Flags.string({
      char: 'i',
      description: 'Identity file from `msh login --out`, instead of a login (also MSH_IDENTITY)',
      helpGroup: 'GLOBAL',
      helpValue: 'FILE',
    }),
    proxy: Flags.string({
      description: 'The hub, if you are signed in at several (also MEZITE_PROXY); default: the latest login',
      helpGroup: 'GLOBAL',
      helpValue: 'HOST[:PORT]',
    }),
  }

  /** Also renews the login of a bot that is due, so that `identity` finds a valid one. Throws what `renewBot` throws. */
  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv)
    const { identity, proxy } = parsed.flags as PersonFlags
    const named = proxy ?? (process.env.MEZITE_PROXY || undefined)
    if ((identity ?? (process.env.MSH_IDENTITY || undefined)) !== undefined) return parsed
    const profile = loginStore().get(named && parseProxy(named).name)
    if (profile?.bot !== undefined) {
      const { isDue, renewBot } = await import('./bot-login.ts')
      if (isDue(profile)) await renewBot(profile)
    }
    return parsed
  }

  /**
   * The identity of this command line: `-i FILE`, else MSH_IDENTITY, else the login at `--proxy` or MEZITE_PROXY, else the
   * latest login. Throws `MEZ_NOT_LOGGED_IN` or `MEZ_LOGIN_EXPIRED`.
   */
  protected identity(flags: PersonFlags): Identity {
    const named = flags.proxy ?? (process.env.MEZITE_PROXY || undefined)
    const proxy = named === undefined ? null : parseProxy(named)
    const file = flags.identity ?? (process.env.MSH_IDENTITY || undefined)
    const identity = file === undefined ? storedIdentity(proxy?.name) : readIdentityFile(file, proxy)
    if (!(identity.expires > Date.now())) {
      const what =
        identity.file === null ? `the login at ${identity.proxy.name}` : `the identity file ${identity.file}`
      throw new CliError('MEZ_LOGIN_EXPIRED', `${what} has expired`, { hint: renewHint(identity) })
    }
    return identity
  }
}

/** For a connection that lasts: renews the login of a bot; undefined for a person and for an identity file. */
export function renewalOfLogin({ proxy, file }: Identity): (() => Promise<Identity>) | undefined {
  const profile = file === null ? loginStore().get(proxy.name) : null
  if (profile?.bot === undefined) return undefined
  return async () => (await import('./bot-login.ts')).renewBot(profile)
}

/** The flags of every command that acts as a signed-in person. @public */
export interface PersonFlags {
  readonly identity?: string | undefined
  readonly proxy?: string | undefined
}

/** A command of msh that calls the JSON API of the hub as the signed-in person. @public */
export abstract class PersonCommand extends MshCommand {
  #client: HubClient | null = null

  /** The hub of this command line. Throws `MEZ_NOT_LOGGED_IN`, `MEZ_LOGIN_EXPIRED`, or `MEZ_IDENTITY_INVALID` for an identity file. */
  protected hub(flags: PersonFlags): HubClient {
    this.#client ??= hubClientOf(this.identity(flags))
    if (this.#client !== null) return this.#client
    throw new CliError('MEZ_IDENTITY_INVALID', 'an identity file can open apps, but not call the hub', {
      hint: 'Use a login: msh login --proxy HOST[:PORT]. The file opens apps: msh -i FILE app login APP.',
    })
  }

  /** One request; a terminal shows when it takes long. `T` is what the route responds with. */
  protected async call<T>(
    flags: PersonFlags,
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<T> {
    return (await withProgress('Asking the hub', this.hub(flags).call(method, path, options))) as T
  }
}

function storedIdentity(wanted: string | undefined): Identity {
  const profile = loginStore().get(wanted)
  if (profile === null) throw notLoggedIn('msh', wanted)
  return identityOf(profile)
}

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
