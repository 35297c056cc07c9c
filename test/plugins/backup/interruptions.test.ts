// long
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Database } from '@mezite/core'
import { loadConfig, openOffline } from '@mezite/core/program'
import { createTestHub, freePort, startPostgres } from '@mezite/core/testing'
import { Decrypter, Encrypter } from 'age-encryption'
import { sql } from 'kysely'
import pg from 'pg'
import t from 'tap'
import { stringify } from 'yaml'
import { type DatabaseConfig, openDatabase } from '../../../core/state/database/database.ts'
import { memoryLog } from '../../../core/testing/memory-log.ts'
import { createSeal, signerOf } from '../../../plugins/backup/archive/signer.ts'
import { refuseUsed } from '../../../plugins/backup/database/write-rows.ts'
import { commands } from '../../../plugins/backup/program.ts'
import { cleanEnv } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'

const MEZHUB = fileURLToPath(new URL('../../../core/mezhub.js', import.meta.url))
const KILLED_COPY = fileURLToPath(new URL('killed-copy.ts', import.meta.url))
const EMBEDDED = { driver: 'embedded' } as const

const dir = mkdtempSync(join(tmpdir(), 'mezite-interruptions-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const postgres = await startPostgres()
t.teardown(() => postgres.close())

async function run(line: string): Promise<string> {
  const [word = '', ...args] = line.split(' ')
  let out = ''
  await commands[word]!.run(args, (text) => {
    out += text
  })
  return out
}

/** A configuration whose data directory is `name`. */
async function settings(name: string, database: object) {
  const port = await freePort()
  const config = {
    data_dir: join(dir, name),
    database,
    proxy: { listen_addr: `127.0.0.1:${port}`, public_addr: `hub.mezite.localhost:${port}` },
  }
  const file = join(dir, `${name}.yaml`)
  writeFileSync(file, stringify(config), { mode: 0o600 })
  return { file, config }
}

const opened = async <T>(config: DatabaseConfig, use: (db: Database) => Promise<T>): Promise<T> => {
  const { db, close } = await openDatabase(config, { log: memoryLog().log })
  return use(db).finally(close)
}

const usersIn = (config: DatabaseConfig) =>
  opened(config, async (db) => {
    // A database that nothing has migrated yet has no table.
    const { rows } = await sql<{ there: string | null }>`SELECT to_regclass('users')::text AS there`.execute(
      db,
    )
    if (rows[0]?.there == null) return []
    return (await sql<{ name: string }>`SELECT name FROM users ORDER BY name`.execute(db)).rows.map(
      ({ name }) => name,
    )
  })

/**
 * What another connection sees of the users while a restore is under way. The restore may have locked the table, and gives up
 * when it has waited for five seconds itself: so this reader waits shorter, and says that the table is locked.
 */
async function seenBeside(client: pg.Client): Promise<'locked' | number> {
  await client.query("SET lock_timeout = '100ms'")
  try {
    return (await client.query('SELECT 1 FROM users')).rows.length
  } catch (error) {
    if ((error as { code?: string }).code !== '55P03') throw error
    return 'locked'
  } finally {
    await client.query('SET lock_timeout = 0')
  }
}

const USERS = ['alice', 'bob']

/** A cluster that has been stopped, with people and an audit trail, and a backup of it. */
const source = await (async () => {
  const { file, config } = await settings('source', EMBEDDED)
  const hub = await createTestHub({ config })
  for (const name of USERS) await hub.api('POST', '/users', { name, roles: ['access'] })
  await until(
    async () => (await hub.api<unknown[]>('GET', '/audit?type=user.created')).length === USERS.length,
    'the trail has events',
  )
  await hub.stop()
  const keyFile = join(dir, 'backup.key')
  const recipient = /age1\w+/.exec(await run(`backup key ${keyFile} --config ${file}`))![0]
  const backup = join(dir, 'mezite.backup')
  await run(`backup ${backup} --config ${file} --recipient ${recipient}`)
  return { file, dataDir: config.data_dir, keyFile, recipient, backup }
})()

t.test('a backup that somebody changed is refused before anything is stored', async (t) => {
  const identity = readFileSync(source.keyFile, 'utf8').trim().split('\n').at(-1)!
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  const plain = zstdDecompressSync(await decrypter.decrypt(readFileSync(source.backup))).toString()
  const forge = async (name: string, text: string): Promise<string> => {
    const encrypter = new Encrypter()
    encrypter.addRecipient(source.recipient)
    const file = join(dir, name)
    writeFileSync(file, await encrypter.encrypt(zstdCompressSync(Buffer.from(text))))
    return file
  }
  const renamed = plain.replaceAll('alice', 'mallo')
  t.not(renamed, plain)
  const resigned = (text: string, key: Buffer): string => {
    const lines = text.trimEnd().split('\n').slice(0, -1)
    const seal = createSeal(key)
    for (const line of lines) seal.add(line)
    return `${[...lines, JSON.stringify({ signature: seal.sign() })].join('\n')}\n`
  }
  const ownKey = Buffer.from(JSON.parse(plain.split('\n')[0]!).encryption_key, 'base64')
  t.ok(readFileSync(source.keyFile, 'utf8').includes(`# Signed by: ${signerOf(ownKey)}`))
  const foreign = Buffer.alloc(32, 7)
  const cut = plain.trimEnd().split('\n').slice(0, -1).join('\n')
  const unreadable = (message: RegExp) => ({ code: 'MEZ_BACKUP_UNREADABLE', message })
  for (const [text, why] of [
    [`${cut}\n`, /is incomplete/],
    [`${plain}{"end":true}\n`, /has lines after its signature/],
    [renamed, /was changed after the cluster had signed it/],
  ] as const) {
    const archive = await forge('bad', text)
    await t.rejects(run(`backup verify ${archive} --key-file ${source.keyFile}`), unreadable(why))
  }
  const byStranger = await forge(
    'foreign',
    resigned(renamed.replace(ownKey.toString('base64'), foreign.toString('base64')), foreign),
  )
  await t.rejects(run(`restore ${byStranger} --config ${source.file} --key-file ${source.keyFile}`), {
    code: 'MEZ_ENCRYPTION_KEY_WRONG',
  })
  const cases: readonly (readonly [
    what: string,
    archive: string,
    error: { readonly code: string; readonly message?: string | RegExp },
    flags?: string,
  ])[] = [
    [
      'with another name in all lines',
      await forge('renamed', renamed),
      unreadable(/was changed after the cluster had signed it/),
    ],
    [
      'signed by somebody who only knows the public key',
      byStranger,
      { code: 'MEZ_COPY_REFUSED', message: `is signed by ${signerOf(foreign)}, not by ${signerOf(ownKey)}` },
    ],
    [
      'whose secrets are encrypted with another key',
      byStranger,
      { code: 'MEZ_ENCRYPTION_KEY_WRONG' },
      ` --signed-by ${signerOf(foreign)}`,
    ],
    [
      'signed with the key of the cluster, but with events that do not fit the chain',
      await forge('chain', resigned(renamed, ownKey)),
      { code: 'MEZ_COPY_INCOMPLETE', message: /^the audit trail: event/ },
    ],
  ]
  const url = await postgres.createDatabase()
  for (const target of [EMBEDDED, { driver: 'postgres', url } as const]) {
    const name = `forged-${target.driver}`
    const { file, config } = await settings(name, target)
    const stored = target.driver === 'embedded' ? { ...EMBEDDED, dataDir: config.data_dir } : target
    for (const [what, archive, error, flags = ''] of cases) {
      const command = `restore ${archive} --config ${file} --key-file ${source.keyFile}${flags}`
      await t.rejects(run(command), error, `${target.driver}: ${what}`)
      t.notOk(existsSync(join(config.data_dir, 'encryption-key')), 'no key is left')
      t.strictSame(await usersIn(stored), [], 'no row is left')
    }
    await opened(stored, refuseUsed)
    t.match(await run(`restore ${source.backup} --config ${file} --key-file ${source.keyFile}`), /Restored/)
    t.strictSame(await usersIn(stored), USERS, 'the right one is restored afterwards')
    const hub = await createTestHub({ config })
    t.equal((await hub.api<unknown[]>('GET', '/users')).length, USERS.length)
    await hub.stop()
  }
})

/** Starts a program of its own, to kill it. */
function start(args: readonly string[]) {
  const node = ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...node, ...args], {
    env: cleanEnv({}),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const keep = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return { child, exited: once(child, 'exit'), output: () => output }
}

/** Statements that make a restore wait for the advisory lock 7 at one moment. */
const WAIT = 'PERFORM pg_advisory_lock(7); PERFORM pg_advisory_unlock(7);'
const command = (tag: string) => `CREATE FUNCTION pg_temp_wait() RETURNS event_trigger LANGUAGE plpgsql AS
  $$ BEGIN ${WAIT} END $$;
  CREATE EVENT TRIGGER waits ON ddl_command_end WHEN TAG IN ('${tag}') EXECUTE FUNCTION pg_temp_wait()`
const row = (trigger: string) => `CREATE FUNCTION pg_temp_wait() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN ${WAIT} RETURN NULL; END $$;
  ${trigger} FOR EACH ROW EXECUTE FUNCTION pg_temp_wait()`
const MOMENTS = {
  'in the middle of the rows': row('CREATE TRIGGER waits AFTER INSERT ON users'),
  'while it builds indexes': command('CREATE INDEX'),
  'between the last row and the verification': command('COMMENT'),
  'when it has verified everything, and asks for the commit': row(
    'CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED',
  ),
}

t.test('fault 46: PostgreSQL: a restore that is killed at any moment can be repeated', async (t) => {
  for (const [at, [moment, trigger]] of Object.entries(MOMENTS).entries()) {
    const url = await postgres.createDatabase()
    const target = { driver: 'postgres', url } as const
    const { file, config } = await settings(`killed-${at}`, target)
    const migrated = await openOffline(await loadConfig({ file }), { copiedKey: Buffer.alloc(32) })
    await migrated.close()
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    t.teardown(() => client.end().catch(() => {}))
    await client.query(trigger)
    await client.query('SELECT pg_advisory_lock(7)')
    const restore = `restore ${source.backup} --config ${file} --key-file ${source.keyFile}`
    const { child, exited, output } = start([MEZHUB, ...restore.split(' ')])
    const waits = async () => {
      if (child.exitCode !== null) throw new Error(output())
      const waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
      return (await client.query(waiting)).rows.length > 0
    }
    await until(waits, 'it waits')
    t.ok(['locked', 0].includes(await seenBeside(client)), `${moment}: nobody sees a row`)
    t.ok(await waits(), `${moment}: it is still there when it is killed`)
    child.kill('SIGKILL')
    await exited
    t.equal(child.signalCode, 'SIGKILL', output())
    await client.query('SELECT pg_advisory_unlock(7)')
    const isVerified = moment.endsWith('commit')
    await until(async () => {
      const left =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
      return (await client.query(left)).rows.length === 0
    }, 'the server has noticed')
    // A server that has been asked for the commit carries it out, whoever waits for it.
    t.strictSame(await usersIn(target), isVerified ? USERS : [], `${moment}: all rows or none`)
    t.equal(existsSync(join(config.data_dir, 'encryption-key')), isVerified, 'the key comes last')
    if (moment.includes('indexes') || moment.includes('between'))
      await client.query('DROP EVENT TRIGGER waits')
    t.match(await run(restore), /Restored [\d,]+ rows.*Verified the audit trail/s, 'the same command again')
    t.strictSame(await usersIn(target), USERS)
    await client.end()
    if (!isVerified) continue
    await (await createTestHub({ config })).stop()
    await t.rejects(run(restore), { code: 'MEZ_COPY_REFUSED' }, 'once a hub has started, the cluster stays')
  }
})

t.test('fault 46: embedded: a copy that is killed at any moment can be repeated', async (t) => {
  const { file, config } = await settings('killed', EMBEDDED)
  const stored = { ...EMBEDDED, dataDir: config.data_dir }
  await (await openOffline(await loadConfig({ file }), { copiedKey: Buffer.alloc(32) })).close()
  for (const moment of ['rows', 'indexes', 'verification', 'committed'] as const) {
    const { child, exited, output } = start([
      ...[KILLED_COPY, config.data_dir, source.backup, source.keyFile, moment],
    ])
    await exited
    t.equal(child.signalCode, 'SIGKILL', output())
    t.strictSame(await usersIn(stored), moment === 'committed' ? USERS : [], `killed at: ${moment}`)
    await opened(stored, refuseUsed)
  }
  const restore = `restore ${source.backup} --config ${file} --key-file ${source.keyFile}`
  t.match(await run(restore), /Restored [\d,]+ rows.*Verified the audit trail/s, 'the same command again')
  t.strictSame(await usersIn(stored), USERS)
})
