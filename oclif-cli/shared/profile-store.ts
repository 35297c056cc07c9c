import { join } from 'node:path'
import { CliError, messageOf } from './cli-error.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'
import { makePrivateFolder } from './private-folder.ts'

/** A sign-in at one hub, as it is kept on disk. */
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
  /** The profile of `proxy`, or of the latest login; null without one. */
  get(proxy?: string): P | null
  list(): readonly P[]
  /** Keeps a profile and makes it the current one. */
  put(profile: P): void
  remove(proxy: string): void
}

interface Kept<P> {
  readonly current: string | null
  readonly profiles: Readonly<Record<string, P>>
}

/**
 * Sign-ins in `<dir>/credentials.json`: mode 0600 in a directory of mode 0700, replaced atomically. A file that others
 * may read or write, or that belongs to someone else, is refused with `MEZ_CREDENTIALS_UNSAFE`, a damaged one with
 * `MEZ_FILE_UNREADABLE`. `more` are texts that each profile has besides those of `Profile`.
 */
export function createProfileStore<P extends Profile = Profile>(
  dir: string,
  more: readonly (keyof P)[] = [],
): ProfileStore<P> {
  const file = join(dir, 'credentials.json')
  const texts: readonly (keyof P)[] = ['proxy', 'token', 'expires', 'user', 'cluster', ...more]

  function load(): Kept<P> {
    const text = readPrivateFile(file)
    if (text === null) return { current: null, profiles: {} }
    try {
      const { current = null, profiles = {} } = (JSON.parse(text) ?? {}) as Partial<Kept<P>>
      if (typeof current !== 'string' && current !== null) throw new Error('the current login is no name')
      for (const [name, profile] of Object.entries(profiles)) {
        const missing = texts.find((field) => typeof profile?.[field] !== 'string')
        if (missing !== undefined) throw new Error(`the login at ${name} has no ${String(missing)}`)
      }
      return { current, profiles }
    } catch (cause) {
      // What a parser says quotes the file, which holds secrets.
      const why = cause instanceof SyntaxError ? 'it is not JSON' : messageOf(cause)
      throw new CliError('MEZ_FILE_UNREADABLE', `${file} is damaged: ${why}`, {
        hint: 'Remove it and sign in again.',
        cause,
      })
    }
  }

  function save(kept: Kept<P>): void {
    makePrivateFolder(dir)
    writePrivateFile(file, `${JSON.stringify(kept, null, 2)}\n`)
  }

  return {
    file,
    get(proxy) {
      const { current, profiles } = load()
      const name = proxy ?? current
      return name !== null && Object.hasOwn(profiles, name) ? profiles[name]! : null
    },
    list: () => Object.values(load().profiles),
    put(profile) {
      save({ current: profile.proxy, profiles: { ...load().profiles, [profile.proxy]: profile } })
    },
    remove(proxy) {
      const { current, profiles } = load()
      const { [proxy]: _gone, ...rest } = profiles
      save({ current: current === proxy ? (Object.keys(rest)[0] ?? null) : current, profiles: rest })
    },
  }
}
