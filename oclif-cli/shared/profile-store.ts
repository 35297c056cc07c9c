import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CliError } from './cli-error.ts'

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

export interface ProfileStore {
  readonly file: string
  /** The profile of `proxy`, or of the latest login; null without one. */
  get(proxy?: string): Profile | null
  list(): readonly Profile[]
  /** Keeps a profile and makes it the current one. */
  put(profile: Profile): void
  remove(proxy: string): void
}

interface Kept {
  readonly current: string | null
  readonly profiles: Readonly<Record<string, Profile>>
}

const NOTHING: Kept = { current: null, profiles: {} }

/** Where a program keeps its files: `variable` from the environment, or a folder in the home directory. */
export function programHome(variable: string, folder: string): string {
  return process.env[variable] || join(homedir(), folder)
}

/**
 * Sign-ins in `<dir>/credentials.json`: mode 0600 in a directory of mode 0700, replaced atomically. A file that others
 * may read or write, or that belongs to someone else, is refused with `MEZ_CREDENTIALS_UNSAFE`.
 */
export function createProfileStore(dir: string): ProfileStore {
  const file = join(dir, 'credentials.json')

  function load(): Kept {
    let handle: number
    try {
      handle = openSync(file, 'r')
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING
      throw new CliError('MEZ_FILE_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, { cause })
    }
    try {
      const { mode, uid } = fstatSync(handle)
      if ((mode & 0o077) !== 0 || (process.getuid !== undefined && uid !== process.getuid())) {
        throw new CliError(
          'MEZ_CREDENTIALS_UNSAFE',
          `${file} can be read or changed by others, it is not used`,
        )
      }
      const kept = JSON.parse(readFileSync(handle, 'utf8')) as Partial<Kept> | null
      return { current: kept?.current ?? null, profiles: kept?.profiles ?? {} }
    } catch (cause) {
      if (cause instanceof CliError) throw cause
      throw new CliError('MEZ_FILE_UNREADABLE', `${file} is damaged`, {
        hint: 'Remove it and sign in again.',
        cause,
      })
    } finally {
      closeSync(handle)
    }
  }

  function save(kept: Kept): void {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    chmodSync(dir, 0o700)
    const draft = `${file}.${randomBytes(6).toString('hex')}`
    const handle = openSync(draft, 'wx', 0o600)
    try {
      writeSync(handle, `${JSON.stringify(kept, null, 2)}\n`)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    try {
      renameSync(draft, file)
    } catch (error) {
      rmSync(draft, { force: true })
      throw error
    }
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
