import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MezError, messageOf } from '../../kernel/error.ts'
import { packedEmptyDatabase, unpackEmptyDatabase } from './empty-database.ts'

const INITIALISE_MS = 120_000
/** The worker is .ts when run from the sources and .js when run from dist. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** The code that runs PGlite, as a worker or as a process. */
export const workerFile = new URL(`./pglite-worker${EXTENSION}`, import.meta.url)

/**
 * Flags of V8 for the code of PostgreSQL. Its optimizing compiler takes 600 MB for the parser of SQL alone, one function of
 * 100 KB, which every hub calls often enough within seconds. Without it, long scans take up to twice the time.
 */
export const compilerFlags = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']

/**
 * Creates the embedded database in this folder unless it exists, with files that only this user can read. The caller must
 * have the lock on the data directory. Throws `MEZ_DATABASE_UNAVAILABLE`.
 *
 * Without `packed`, as in a checkout that is not built, a separate process initialises the database, because the several
 * hundred MB that this takes would stay with the hub.
 */
export async function prepareFolder(
  folder: string,
  packed: string | null = packedEmptyDatabase(),
): Promise<void> {
  const exists = await stat(join(folder, 'PG_VERSION')).catch(() => null)
  if (exists === null) {
    const draft = `${folder}.new`
    await rm(draft, { recursive: true, force: true })
    await mkdir(draft, { recursive: true, mode: 0o700 })
    if (packed === null) await initialise(draft)
    else
      await unpackEmptyDatabase(packed, draft).catch((cause) => {
        throw cannotCreate(messageOf(cause))
      })
    await rename(draft, folder)
  }
  makePrivate(folder)
}

async function initialise(folder: string): Promise<void> {
  const child = fork(workerFile, [folder], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [...process.execArgv, ...compilerFlags],
  })
  let output = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output = `${output}${text}`.slice(-1_000)
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), INITIALISE_MS)
  try {
    const [code, signal] = await once(child, 'close')
    if (code === 0) return
    const why = output.trim() || `it ended with ${signal ?? `exit status ${code}`}`
    throw cannotCreate(why)
  } finally {
    clearTimeout(timer)
  }
}

const cannotCreate = (why: string): MezError =>
  new MezError('MEZ_DATABASE_UNAVAILABLE', `the embedded database cannot be created: ${why}`)

/** Removes the permissions of other users, because PGlite creates files with mode 0666 regardless of the umask. */
function makePrivate(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, entry.isDirectory() ? 0o700 : 0o600)
  }
}
