import { join } from 'node:path'
import { CliError, messageOf } from './cli-error.ts'
import { createHubClient } from './hub-client.ts'
import { parseProxy, proxyEndpoint } from './hub-endpoint.ts'
import { makePrivateFolder, readPrivateFile, writePrivateFile } from './private-file.ts'
import type { SecretStore } from './secret-store.ts'
import { showCell } from './table.ts'

/** A login at one hub, as stored on disk. */
export interface Profile {
  /** `host` or `host:port`. */
  readonly proxy: string
  readonly token: string
  /** RFC 3339. */
  readonly expires: string
  readonly user: string
  readonly cluster: string
  /** PEM of the authority to trust for the hub's web certificate, from --ca-file. */
  readonly ca: string | null
  /** PEM of the cluster's own authority. */
  readonly hub_ca: string | null
}

export interface ProfileStore<P extends Profile = Profile> {
  readonly file: string
  /** The login at `proxy`, or the latest login; null if there is none. */
  get(proxy?: string): P | null
  /** All logins; the secrets that the system keeps are empty. */
  list(): readonly P[]
  /** Stores a login and makes it the latest one. */
  put(profile: P): void
  remove(proxy: string): void
}

interface Stored<P> {
  readonly current: string | null
  /** `kept` of a login names the store of the system that has its secrets. */
  readonly profiles: Readonly<Record<string, P & { readonly kept?: string }>>
}

/** The fields of a login that open something. */
const SECRET = ['token', 'key']

/**
 * Logins in `<dir>/credentials.json`: mode 0600 in a folder of mode 0700, replaced atomically. Their secrets are in `secrets`, the
 * store of the system; where there is none, or it does not take them, they are in the file. Throws
 * `MEZ_CREDENTIALS_UNSAFE` for a file that other users can access, `MEZ_FILE_UNREADABLE` for a damaged one. `more` names
 * the string fields that a profile has in addition to `Profile`.
 */
export function createProfileStore<P extends Profile = Profile>(
  dir: string,
  more: readonly (keyof P)[] = [],
  secrets: SecretStore | null = null,
): ProfileStore<P> {
  const file = join(dir, 'credentials.json')
  const strings: readonly (keyof P)[] = ['proxy', 'token', 'expires', 'user', 'cluster', ...more]

  function load(): Stored<P> {
    const text = readPrivateFile(file)
    if (text === null) return { current: null, profiles: {} }
    try {
      const { current = null, profiles = {} } = (JSON.parse(text) ?? {}) as Partial<Stored<P>>
      if (typeof current !== 'string' && current !== null) throw new Error('"current" is not a name')
      for (const [name, profile] of Object.entries(profiles)) {
        const missing = strings.find((field) => typeof profile?.[field] !== 'string')
        if (missing !== undefined) throw new Error(`the login at ${name} has no ${String(missing)}`)
      }
      return { current, profiles }
    } catch (cause) {
      // The message of a parser quotes the file, which contains secrets.
      const why = cause instanceof SyntaxError ? 'it is not valid JSON' : messageOf(cause)
      throw new CliError('MEZ_FILE_UNREADABLE', `${file} is damaged: ${why}`, {
        hint: 'Remove the file and sign in again.',
        cause,
      })
    }
  }

  function save(stored: Stored<P>): void {
    makePrivateFolder(dir)
    writePrivateFile(file, `${JSON.stringify(stored, null, 2)}\n`)
  }

  /** The login as the file has it, once the system has taken its secrets. */
  function withoutSecrets(profile: P): P & { readonly kept?: string } {
    const held = Object.entries(profile).filter(([field]) => SECRET.includes(field))
    if (secrets?.put(profile.proxy, JSON.stringify(Object.fromEntries(held))) !== true) return profile
    return { ...profile, ...Object.fromEntries(held.map(([field]) => [field, ''])), kept: secrets.name }
  }

  function complete(name: string, { kept, ...profile }: P & { readonly kept?: string }): P {
    if (kept === undefined) return profile as unknown as P
    const text = secrets?.get(name) ?? null
    if (text !== null) return { ...profile, ...JSON.parse(text) }
    throw new CliError(
      'MEZ_FILE_UNREADABLE',
      `the login at ${name} is in ${kept}, which does not return it`,
      {
        hint: 'Unlock it, or sign in again.',
      },
    )
  }

  return {
    file,
    get(proxy) {
      const { current, profiles } = load()
      const name = proxy ?? current
      return name !== null && Object.hasOwn(profiles, name) ? complete(name, profiles[name]!) : null
    },
    list: () => Object.values(load().profiles),
    put(profile) {
      save({
        current: profile.proxy,
        profiles: { ...load().profiles, [profile.proxy]: withoutSecrets(profile) },
      })
    },
    remove(proxy) {
      const { current, profiles } = load()
      if (profiles[proxy]?.kept !== undefined) secrets?.remove(proxy)
      const { [proxy]: _removed, ...rest } = profiles
      save({ current: current === proxy ? (Object.keys(rest)[0] ?? null) : current, profiles: rest })
    },
  }
}

/** The error of a command that needs a login at `proxy`, or at any hub. */
export function notLoggedIn(program: 'mezctl' | 'msh', proxy: string | undefined, note = ''): CliError {
  const text = proxy === undefined ? 'not signed in' : `not signed in at ${proxy}`
  return new CliError('MEZ_NOT_LOGGED_IN', `${text}${note}`, {
    hint: `Run ${program} login --proxy ${proxy ?? 'HOST[:PORT]'}.`,
  })
}

/** Ends a stored login (the latest one without `proxy`) at its hub, and removes it even if the hub is unreachable. */
export async function endLogin<P extends Profile>(
  store: ProfileStore<P>,
  options: {
    readonly program: 'mezctl' | 'msh'
    readonly proxy?: string | undefined
    readonly note: (text: string) => void
  },
): Promise<{ readonly result: { readonly proxy: string; readonly ended: boolean }; readonly text: string }> {
  const wanted = options.proxy === undefined ? undefined : parseProxy(options.proxy).name
  const profile = store.get(wanted)
  if (profile === null) throw notLoggedIn(options.program, wanted)
  const { proxy, token, ca, user } = profile
  const endpoint = proxyEndpoint(parseProxy(proxy), { token, ca, why: 'logout', renewHint: '' })
  let ended = true
  try {
    await createHubClient(endpoint).call('DELETE', '/me/session', { deadlineMs: 5_000 })
  } catch (error) {
    // 401: the session had already ended.
    ended = error instanceof CliError && error.status === 401
    if (!ended) {
      options.note(`warning: the session stays open at the hub until it expires: ${messageOf(error)}`)
    }
  }
  store.remove(proxy)
  return { result: { proxy, ended }, text: `Signed out of ${proxy} (${showCell(user)}).` }
}
