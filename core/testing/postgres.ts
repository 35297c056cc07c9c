import { execFile, spawn } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../program/dev/free-port.ts'

const run = promisify(execFile)
const START_MS = 90_000
/**
 * Files of tests need not survive a power cut, many hubs share a server, and their databases are too short-lived and too
 * small for the upkeep of a server to pay.
 */
const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'max_connections=500',
  ...['fsync=off', 'full_page_writes=off', 'checkpoint_timeout=1h'],
  ...['autovacuum=off', 'jit=off', 'bgwriter_lru_maxpages=0'],
]

/** A separate, real PostgreSQL server. */
export interface TestPostgres {
  /** Creates a database that no other test uses, and returns its URL. */
  createDatabase(): Promise<string>
  /** Path of a program of the server, such as `pg_dump`. */
  program(name: string): string
  /** Pid of the server, for stopping it with signals. */
  readonly pid: number
  /** Every process of the server. */
  pids(): Promise<number[]>
  /** Stops the server as a restart does; `start` starts it again at the same address. */
  stop(): Promise<void>
  start(): Promise<void>
  /** Stops the server and removes its files. */
  close(): Promise<void>
}

/**
 * Starts a PostgreSQL server with a new data directory below `parent` on a free port of 127.0.0.1, as the user `postgres`
 * if the caller is root. Throws if no server is installed; `MEZITE_TEST_POSTGRES_BIN` selects another folder of its programs.
 */
export async function startPostgres(parent: string = tmpdir()): Promise<TestPostgres> {
  const bin = process.env.MEZITE_TEST_POSTGRES_BIN ?? (await findBin())
  const folder = await mkdtemp(join(parent, 'mezite-postgres-'))
  const ids = process.getuid?.() === 0 ? await idsOf('postgres') : {}
  if (ids.uid !== undefined) await chown(folder, ids.uid, ids.gid ?? -1)
  const data = join(folder, 'data')
  await run(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres', '-N', '-E', 'UTF8'], {
    ...ids,
    cwd: folder,
  })
  const port = await freePort()
  let server = await launch()
  let databases = 0

  async function launch() {
    const child = spawn(
      join(bin, 'postgres'),
      ['-D', data, '-p', String(port), '-k', folder, ...SETTINGS.flatMap((setting) => ['-c', setting])],
      { ...ids, cwd: folder, stdio: 'ignore' },
    )
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
    })
    const until = Date.now() + START_MS
    while (!(await answers())) {
      if (child.exitCode !== null || Date.now() > until) throw new Error('PostgreSQL does not start')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return { child, ended }
  }

  async function answers(): Promise<boolean> {
    try {
      await run(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port), '-t', '2'])
      return true
    } catch {
      return false
    }
  }

  async function end(signal: NodeJS.Signals) {
    server.child.kill('SIGCONT')
    server.child.kill(signal)
    await server.ended
  }

  return {
    program: (name) => join(bin, name),
    get pid() {
      return server.child.pid ?? 0
    },
    async pids() {
      const { stdout } = await run('pgrep', ['-P', String(server.child.pid)]).catch(() => ({ stdout: '' }))
      return [server.child.pid ?? 0, ...stdout.split('\n').filter(Boolean).map(Number)]
    },
    async createDatabase() {
      const name = `test_${++databases}`
      await run(join(bin, 'createdb'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', name])
      return `postgres://postgres@127.0.0.1:${port}/${name}`
    },
    stop: () => end('SIGINT'),
    async start() {
      server = await launch()
    },
    async close() {
      await end('SIGQUIT')
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

async function findBin(): Promise<string> {
  for (const version of [18, 17, 16, 15]) {
    const bin = `/usr/lib/postgresql/${version}/bin`
    if (
      await run(join(bin, 'postgres'), ['--version']).then(
        () => true,
        () => false,
      )
    )
      return bin
  }
  throw new Error('no PostgreSQL server is installed: apt-get install postgresql')
}

async function idsOf(user: string): Promise<{ uid?: number; gid?: number }> {
  const { stdout: uid } = await run('id', ['-u', user])
  const { stdout: gid } = await run('id', ['-g', user])
  return { uid: Number(uid), gid: Number(gid) }
}
