import { join } from 'node:path'
import { CliError } from './cli-error.ts'
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
 * may read or write, or that belongs to someone else, is refused with `MEZ_CREDENTIALS_UNSAFE`.
 */
export function createProfileStore<P extends Profile = Profile>(dir: string): ProfileStore<P> {
  const file = join(dir, 'credentials.json')

  function load(): Kept<P> {
    const text = readPrivateFile(file)
    if (text === null) return { current: null, profiles: {} }
    try {
      const kept = JSON.parse(text) as Partial<Kept<P>> | null
      return { current: kept?.current ?? null, profiles: kept?.profiles ?? {} }
    } catch (cause) {
      throw new CliError('MEZ_FILE_UNREADABLE', `${file} is damaged`, {
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
