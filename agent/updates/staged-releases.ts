import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { compareVersions, isVersion, type Release, type ReleaseTrust, readRelease } from './release.ts'

/** Of the statement beside the files of a release. */
export const STATEMENT = 'mezd-release.json'
const PROGRAM = 'mezd'
const STATEMENT_BYTES = 65_536
const DOWNLOAD_MS = 600_000

/** What this machine knows of releases, in `updates/state.json` of the data directory. */
interface State {
  /** The version that runs in place of the installed one, since its link came up. */
  readonly accepted: string | null
  /** The newest version that was ever accepted: the source leads back to none before it, also when it has failed since. */
  readonly newest: string | null
  /** Versions whose link did not come up, with the day; none of them is tried again. */
  readonly failed: Readonly<Record<string, string>>
}

/** A version that is on the disk, complete and verified. */
export interface Staged {
  readonly version: string
  /** The program. */
  readonly path: string
}

export interface StagedReleases {
  /** The accepted version if it is newer than `own` and still what the keys have signed; null: run the installed program. */
  current(own: string): Promise<Staged | null>
  /**
   * Fetches what the source offers if it is newer than `than` and than all that were accepted, and has not failed here; null: there is
   * nothing to do. Rejects soon after `stop` aborts.
   */
  stage(than: string, stop?: AbortSignal): Promise<Staged | null>
  /** Its link came up. */
  accept(version: string): Promise<void>
  /** Its link did not come up. */
  reject(version: string): Promise<void>
}

export interface StagedOptions {
  readonly dataDir: string
  /** An https URL that ends with a slash, or the absolute path of a folder. */
  readonly source: string
  readonly trust: () => ReleaseTrust
}

/** Keeps releases in `updates` of the data directory: a folder for each, which appears under its name once all of it is verified. */
export function openStagedReleases({ dataDir, source, trust }: StagedOptions): StagedReleases {
  const folder = join(dataDir, 'updates')
  const stateFile = join(folder, 'state.json')

  /** A damaged file counts as if every release in it had failed: nothing but the installed program runs. */
  async function readState(): Promise<State> {
    const text = await readFile(stateFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (text === null) return { accepted: null, newest: null, failed: {} }
    const { accepted, newest = accepted, failed } = JSON.parse(text)
    const areVersions = [accepted, newest].every((one) => one === null || isVersion(one))
    if (!areVersions || typeof failed !== 'object' || failed === null)
      throw new Error(`${stateFile} is damaged; remove it to begin again with the installed program`)
    return { accepted, newest, failed }
  }
  async function writeState(state: State): Promise<void> {
    const draft = `${stateFile}.draft`
    await writeFile(draft, `${JSON.stringify(state)}\n`, { mode: 0o600, flush: true })
    await rename(draft, stateFile)
  }

  /** Throws unless the folder has what enough keys have signed. A statement that has expired since still names the right file. */
  async function verify(version: string, at: string): Promise<void> {
    const statement = await readFile(join(at, STATEMENT), 'utf8')
    const release = readRelease(statement, { ...trust(), now: 0 })
    if (release.version !== version) throw new Error(`the statement is about ${release.version}`)
    const path = join(at, PROGRAM)
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    if ((await stat(path)).size !== release.file.size || hash.digest('hex') !== release.file.sha256)
      throw new Error(`${path} is not the file that was signed`)
  }
  const staged = (version: string): Staged => ({ version, path: join(folder, version, PROGRAM) })

  async function* bytesOf(name: string, most: number, stop: AbortSignal): AsyncGenerator<Buffer> {
    let size = 0
    const signal = AbortSignal.any([stop, AbortSignal.timeout(DOWNLOAD_MS)])
    const from = isAbsolute(source)
      ? createReadStream(join(source, name), { signal })
      : await fetched(name, signal)
    for await (const chunk of from) {
      size += chunk.length
      if (size > most) throw new Error(`${name} is larger than ${most} bytes`)
      yield Buffer.from(chunk)
    }
  }
  async function fetched(name: string, signal: AbortSignal): Promise<Readable> {
    const response = await fetch(new URL(name, source), { signal })
    if (!response.ok || response.body === null) throw new Error(`${response.url} answered ${response.status}`)
    if (!response.url.startsWith('https:')) throw new Error(`${name} was redirected to ${response.url}`)
    return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
  }

  async function download(release: Release, statement: string, stop: AbortSignal): Promise<void> {
    const draft = `${join(folder, release.version)}.draft`
    try {
      await fill(draft, release, statement, stop)
      await rm(join(folder, release.version), { recursive: true, force: true })
      await rename(draft, join(folder, release.version))
    } catch (error) {
      // A source that breaks off fills no disk.
      await rm(draft, { recursive: true, force: true })
      throw error
    }
  }
  async function fill(draft: string, release: Release, statement: string, stop: AbortSignal): Promise<void> {
    await rm(draft, { recursive: true, force: true })
    await mkdir(draft, { recursive: true, mode: 0o700 })
    await writeFile(join(draft, STATEMENT), statement, { mode: 0o600, flush: true })
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    const file = await open(join(draft, PROGRAM), flags, 0o700)
    try {
      for await (const chunk of bytesOf(release.file.name, release.file.size, stop))
        await file.writeFile(chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await verify(release.version, draft)
  }

  return {
    async current(own) {
      const { accepted } = await readState()
      if (accepted === null || compareVersions(accepted, own) <= 0) return null
      await verify(accepted, join(folder, accepted))
      return staged(accepted)
    },
    async stage(than, stop = new AbortController().signal) {
      const parts = await Array.fromAsync(bytesOf(STATEMENT, STATEMENT_BYTES, stop))
      const statement = Buffer.concat(parts).toString()
      const release = readRelease(statement, trust())
      const { failed, newest } = await readState()
      const isNewer = [than, newest ?? than].every((one) => compareVersions(release.version, one) > 0)
      if (!isNewer || Object.hasOwn(failed, release.version)) return null
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await download(release, statement, stop)
      return staged(release.version)
    },
    async accept(version) {
      const { failed, newest } = await readState()
      const isNewest = newest === null || compareVersions(version, newest) > 0
      await writeState({ accepted: version, newest: isNewest ? version : newest, failed })
      // Versions before it are not needed any more: a later rollback leads to the installed program or to this one.
      for (const name of await readdir(folder))
        if (isVersion(name) && name !== version)
          await rm(join(folder, name), { recursive: true, force: true })
    },
    async reject(version) {
      const { accepted, newest, failed } = await readState()
      await writeState({
        newest,
        accepted: accepted === version ? null : accepted,
        failed: { ...failed, [version]: new Date().toISOString().slice(0, 10) },
      })
      await rm(join(folder, version), { recursive: true, force: true })
    },
  }
}
