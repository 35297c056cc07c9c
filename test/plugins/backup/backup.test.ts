// needs: PostgreSQL
// long
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Database } from '@mezite/core'
import {
  createTestAgent,
  createTestHub,
  FakeIssuer,
  freePort,
  startPostgres,
  type TestHub,
} from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { stringify } from 'yaml'
import { openDatabase } from '../../../core/state/database/database.ts'
import { memoryLog } from '../../../core/testing/memory-log.ts'
import type { CopyPart } from '../../../plugins/backup/database/read-rows.ts'
import { listIndexes } from '../../../plugins/backup/database/tables.ts'
import { refuseUsed, writeDatabase } from '../../../plugins/backup/database/write-rows.ts'
import { commands } from '../../../plugins/backup/program.ts'
import { connect, register } from '../../e2e/resources.ts'
import { startHttpApp } from '../../e2e/start-http-app.ts'
import { runLines } from '../../oclif-cli/run-program.ts'
import { allMigrations } from '../../state/database/collect-migrations.ts'
import { until } from '../../until.ts'
import { keysOf } from '../webauthn/key-hub.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-backup-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

async function run(line: string): Promise<string> {
  const [word = '', ...args] = line.split(' ')
  let out = ''
  await commands[word]!.run(args, (text) => {
    out += text
  })
  return out
}

/** The settings of one cluster, as a file for commands and as a hub for the test. */
async function settingsFor(name: string) {
  const port = await freePort()
  const of = (database: object) => ({
    data_dir: join(dir, name),
    database,
    proxy: { listen_addr: `127.0.0.1:${port}`, public_addr: `hub.mezite.localhost:${port}` },
  })
  return {
    start: (database: object) => createTestHub({ config: of(database) }),
    file(database: object): string {
      const file = join(dir, `${name}.yaml`)
      writeFileSync(file, stringify(of(database)), { mode: 0o600 })
      return file
    },
  }
}

/** A call of the operator on the machine of a hub; `body` of the result: its last line. */
function operator(dataDir: string, path: string, body: string): Promise<{ status: number; body: unknown }> {
  const headers = { host: 'localhost', 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath: join(dataDir, 'admin.sock'),
      path: `/v1/webapi${path}`,
      method: 'POST',
      headers,
    })
    call.on('error', reject)
    call.on('response', async (response) => {
      const lines = (await text(response)).trim().split('\n')
      resolve({ status: response.statusCode!, body: JSON.parse(lines.at(-1)!) as unknown })
    })
    call.end(body)
  })
}

const verified = async (hub: TestHub) => {
  const text = await hub.api<string>('GET', '/audit/verify')
  return typeof text === 'string' ? JSON.parse(text.trim().split('\n').at(-1)!) : text
}

t.test('a cluster is backed up, moved and restored with everything that people rely on', async (t) => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const appPort = await startHttpApp(t, (_request, response) => response.end('hello'))
  const own = await settingsFor('own')
  const embedded = { driver: 'embedded' }

  const first = await own.start(embedded)
  t.teardown(() => first.stop())
  await connect(first.api, issuer)
  await register(first.api, 'app', appPort, { agents: ['node-1'] })
  const agent = await createTestAgent(first, { hostname: 'node-1' })
  t.teardown(() => agent.stop())
  const app = first.appUrl('app')
  const alice = first.visitor()
  t.equal((await alice.open(`${app}/`)).status, 200)
  const kate = await (await keysOf(first)).person('kate')
  await first.api('POST', '/tokens', { roles: ['app'], ttl_seconds: 600 })
  const hubCa = await first.api('GET', '/auth/export/hub-ca')
  // The link that enrols kate's key signs her in, and then she signs in with the key.
  const signIns = async () =>
    (await first.api<{ user: string }[]>('GET', '/audit?type=user.login')).map(({ user }) => user)
  await until(async () => (await signIns()).length >= 3, 'all sign-ins are in the audit trail')
  t.strictSame(await signIns(), ['alice@example.com', 'kate', 'kate'])

  const keyFile = join(dir, 'backup.key')
  // Made without the configuration, it does not name the signer.
  const recipient = /age1\w+/.exec(await run(`backup key ${keyFile}`))![0]
  let signer = ''
  t.equal(statSync(keyFile).mode & 0o777, 0o600)
  await t.rejects(run(`backup key ${keyFile}`), { code: 'MEZ_FILE_UNWRITABLE' }, 'keys are never overwritten')
  const file = join(dir, 'mezite.backup')
  const config = own.file(embedded)

  await t.test('backs up while the hub runs, and encrypts everything', async (t) => {
    await t.rejects(run(`backup ${file} --config ${config}`), { code: 'MEZ_USAGE_WRONG' }, 'no recipient')
    await t.rejects(
      run(`backup ${join(dir, 'no', 'folder')} --config ${config} --recipient ${recipient}`),
      { code: 'MEZ_COPY_INCOMPLETE' },
      'a folder that does not exist',
    )
    const nonsense = `backup ${file} --config ${config} --recipient age1nonsense`
    await t.rejects(run(nonsense), { code: 'MEZ_USAGE_WRONG', message: /"age1nonsense" is not a public key/ })
    const body = JSON.stringify({ file, recipients: ['age1nonsense'] })
    const answer = await operator(join(dir, 'own'), '/backups', body)
    t.match(answer, { status: 400, body: { code: 'recipient_invalid', detail: /not a public key/ } })
    const written = await run(`backup ${file} --config ${config} --recipient ${recipient}`)
    t.match(written, /Wrote .*: [\d,]+ rows, signed by ed25519:[\w-]{43}\.$/m)
    signer = /ed25519:[\w-]{43}/.exec(written)![0]
    t.equal((await run(`backup signer --config ${config}`)).trim(), signer)
    const bytes = readFileSync(file)
    await t.rejects(run(`backup ${file} --config ${config} --recipient ${recipient}`), {
      code: 'MEZ_FILE_UNWRITABLE',
      message: /exists already/,
    })
    t.match(await operator(join(dir, 'own'), '/backups', JSON.stringify({ file, recipients: [recipient] })), {
      status: 200,
      body: { error: /exists already/ },
    })
    t.strictSame(readFileSync(file), bytes, 'a backup replaces no file')
    t.equal(statSync(file).mode & 0o777, 0o600)
    t.notMatch(readFileSync(file, 'latin1'), /alice|sessions|BEGIN/)
    t.match(
      await run(`backup verify ${file} --key-file ${keyFile}`),
      /is complete: [\d,]+ rows of \d+ tables/,
    )
    const created = () => first.api<Record<string, unknown>[]>('GET', '/audit?type=backup.created')
    await until(async () => (await created()).length >= 3, 'the backups are in the trail')
    const failed = (failure: RegExp) => ({ success: false, reason: 'backup_failed', failure })
    t.match(
      (await created()).map((event) => event).sort((a, b) => String(a.id).localeCompare(String(b.id))),
      [failed(/ENOENT/), { success: true, user: 'operator@socket', file, failure: null }, failed(/exists/)],
    )
  })

  await t.test(
    'refuses a damaged, shortened or foreign backup, and a key that others can read',
    async (t) => {
      const bytes = readFileSync(file)
      const bad = join(dir, 'bad.backup')
      for (const [what, content] of [
        ['shortened', bytes.subarray(0, bytes.length - 40)],
        ['damaged', bytes.map((byte, at) => (at === 900 ? byte ^ 1 : byte))],
        ['of another kind', Buffer.from('hello')],
        ['empty', Buffer.alloc(0)],
      ] as const) {
        writeFileSync(bad, content)
        await t.rejects(
          run(`backup verify ${bad} --key-file ${keyFile}`),
          { code: 'MEZ_BACKUP_UNREADABLE' },
          what,
        )
      }
      const other = join(dir, 'other.key')
      await run(`backup key ${other}`)
      await t.rejects(run(`backup verify ${file} --key-file ${other}`), { code: 'MEZ_BACKUP_UNREADABLE' })
      writeFileSync(join(dir, 'open.key'), readFileSync(keyFile), { mode: 0o644 })
      await t.rejects(
        run(`backup verify ${file} --key-file ${join(dir, 'open.key')}`),
        /readable by other users/,
      )
    },
  )

  const url = await postgres.createDatabase()
  await t.test('moves only a stopped hub, and takes no password on the command line', async (t) => {
    await t.rejects(run(`database move --config ${config} --to ${url}`), { code: 'MEZ_DATABASE_LOCKED' })
    await t.rejects(
      run(`database move --config ${config} --to postgres://a:b@127.0.0.1/x`),
      /a password on the/,
    )
    await t.rejects(run(`database move --config ${config} --to embedded`), /is embedded already/)
    await t.rejects(run(`database move --config ${config} --to mysql://x`), { code: 'MEZ_USAGE_WRONG' })
  })
  await first.stop()
  // Of COPY's own characters, and of null.
  const odd = 'a\tb\\nc\nd\re\\N "f" \u{1F511}'
  const changed = async <T>(database: object, change: (db: Database) => Promise<T>): Promise<T> => {
    const opened = await openDatabase(database as never, { log: memoryLog().log })
    return change(opened.db).finally(() => opened.close())
  }
  await changed({ driver: 'embedded', dataDir: join(dir, 'own') }, (db) =>
    sql`INSERT INTO locks (id, kind, target, message, created, expires)
      VALUES ('odd', 'user', 'nobody', ${odd}, 0.1, 1), ('\\N', 'user', 'nobody', NULL, 0.1, 1)`.execute(db),
  )

  await t.test('fault 46: leaves the target empty when a move is interrupted', async (t) => {
    const target = await openDatabase({ driver: 'postgres', url }, { log: memoryLog().log })
    t.teardown(() => target.close())
    async function* interrupted(): AsyncGenerator<CopyPart> {
      yield { table: 'users', columns: ['key', 'name', 'own_roles', 'mapped_roles', 'created'] }
      yield { rows: 1, text: Buffer.from('eve\teve\t["access"]\t[]\t1\n') }
      throw new Error('interrupted')
    }
    const migrations = await allMigrations()
    // A hub of this test does not load it.
    await target.migrate(migrations.filter(({ owner }) => owner !== 'local-authority'))
    await t.rejects(
      writeDatabase(target.db, interrupted(), { wrote: () => {}, verify: async () => {} }),
      /interrupted/,
    )
    await refuseUsed(target.db)
  })

  await t.test('fault 46: moves to PostgreSQL, where sessions, agents and the trail go on', async (t) => {
    const out = await run(`database move --config ${config} --to ${url}`)
    t.match(out, /Copied [\d,]+ rows.*\nVerified the audit trail/s)
    t.match(
      await run(`database move --config ${config} --to ${url}`),
      /Copied/,
      'can be repeated until a hub has started on the copy',
    )
    const stored = (db: Database) =>
      sql`SELECT * FROM locks WHERE target = 'nobody' ORDER BY message`.execute(db).then(({ rows }) => rows)
    t.strictSame(
      await changed({ driver: 'postgres', url }, stored),
      [
        { id: 'odd', kind: 'user', target: 'nobody', message: odd, created: 0.1, expires: 1, author: null },
        { id: '\\N', kind: 'user', target: 'nobody', message: null, created: 0.1, expires: 1, author: null },
      ],
      'every character, and what is no text',
    )
    const indexes = async (db: Database) => (await listIndexes(db)).map(({ table, name }) => [table, name])
    t.strictSame(
      await changed({ driver: 'postgres', url }, indexes),
      await changed({ driver: 'embedded', dataDir: join(dir, 'own') }, indexes),
      'the indexes are there again',
    )
    const moved = await own.start({ driver: 'postgres', url })
    t.teardown(() => moved.stop())
    await until(
      async () => (await moved.api<{ connected: boolean }>('GET', '/agents/node-1')).connected,
      'the agent comes back by itself',
    )
    // The browser trusts the new throw-away certificate, and still has its cookies.
    Object.assign(alice, { ca: moved.ca })
    t.equal((await alice.fetch(`${app}/`)).status, 200, 'the session goes on')
    const again = { ...kate, visitor: moved.visitor() }
    t.equal((await (await keysOf(moved)).signIn(again)).status, 303, 'a passkey signs in')
    t.match(await verified(moved), { ok: true })
    await t.rejects(
      run(`database move --config ${own.file({ driver: 'postgres', url })} --to embedded`),
      /a hub is running on the source/,
    )
    await t.rejects(run(`database move --config ${own.file(embedded)} --to ${url}`), {
      code: 'MEZ_COPY_REFUSED',
      message: /already contains a cluster/,
    })
  })

  await t.test('fault 46: moves back to an embedded database', async (t) => {
    const back = await settingsFor('back')
    mkdirSync(join(dir, 'back'), { mode: 0o700 })
    copyFileSync(join(dir, 'own', 'encryption-key'), join(dir, 'back', 'encryption-key'))
    const settings = back.file({ driver: 'postgres', url })
    const move = `database move --config ${settings} --to embedded`
    await changed({ driver: 'postgres', url }, async (db) => {
      for (const table of ['gone_plugin_migrations', 'gone_plugin_notes'])
        await sql`CREATE TABLE ${sql.table(table)} (name text PRIMARY KEY)`.execute(db)
      await sql`INSERT INTO gone_plugin_migrations VALUES ('0001-notes')`.execute(db)
      await sql`INSERT INTO gone_plugin_notes VALUES ('x')`.execute(db)
    })
    const refused = {
      code: 'MEZ_COPY_REFUSED',
      message: /gone_plugin_notes has rows of the plugin gone-plugin/,
      hint: /^Configure plugins\.gone-plugin .* delete them/,
    }
    await t.rejects(run(move), refused, 'rows of a plugin that is not configured')
    const kept = join(dir, 'kept.backup')
    const backUp = () => run(`backup ${kept} --config ${settings} --recipient ${recipient}`)
    const verify = () => run(`backup verify ${kept} --key-file ${keyFile}`)
    const other = { driver: 'postgres', url: await postgres.createDatabase() }
    const empty = (await settingsFor('empty')).file(other)
    const restore = () => run(`restore ${kept} --config ${empty} --key-file ${keyFile} --signed-by ${signer}`)
    await backUp()
    t.match(await verify(), /^It has rows of these plugins: .*audit-database.* gone-plugin\b/m)
    await t.rejects(restore(), refused, 'a restore says so before the first row, as a move does')
    t.notOk(existsSync(join(dir, 'empty', 'encryption-key')), 'a refused restore leaves no key')
    await changed({ driver: 'postgres', url }, (db) => sql`DELETE FROM gone_plugin_notes`.execute(db))
    rmSync(kept)
    await backUp()
    t.notMatch(await verify(), /gone-plugin/)
    t.match(await restore(), /Restored [\d,]+ rows/, 'without rows, the plugin is not needed')
    const out = await run(move)
    t.match(out, /Copied [\d,]+ rows.*\nVerified the audit trail/s)
    const hub = await back.start(embedded)
    t.teardown(() => hub.stop())
    t.equal(await hub.api('GET', '/auth/export/hub-ca'), hubCa)
    t.match(await hub.api('GET', '/apps/app'), { metadata: { name: 'app' } })
    t.match(await hub.api('GET', '/users/kate'), { name: 'kate' })
    t.match(await verified(hub), { ok: true })
  })

  await t.test('fault 47: restores into an empty database, without sign-ins and join tokens', async (t) => {
    const elsewhere = await settingsFor('elsewhere')
    const settings = elsewhere.file(embedded)
    await t.rejects(run(`restore ${file} --config ${settings} --key-file ${keyFile}`), {
      code: 'MEZ_COPY_REFUSED',
      message: /is signed by ed25519:\S+, and nothing says that this is your cluster/,
    })
    const ownKey = join(dir, 'own.key')
    await run(`backup key ${ownKey} --config ${config}`)
    const named = /^# Signed by: .*\n/m.exec(readFileSync(ownKey, 'utf8'))![0]
    t.equal(named, `# Signed by: ${signer}\n`)
    writeFileSync(ownKey, `${named}${readFileSync(keyFile, 'utf8')}`)
    const stranger = `ed25519:${'A'.repeat(43)}`
    for (const command of [`backup verify ${file}`, `restore ${file} --config ${settings}`])
      await t.rejects(
        run(`${command} --key-file ${ownKey} --signed-by ${stranger}`),
        /signed by ed25519:\S+, not/,
      )
    t.match(await run(`backup verify ${file} --key-file ${ownKey}`), `Signed by ${signer}, as named.`)
    t.notOk(existsSync(join(dir, 'elsewhere', 'encryption-key')))
    const out = await run(`restore ${file} --config ${settings} --key-file ${ownKey}`)
    t.match(out, /Restored [\d,]+ rows.*Verified the audit trail.*Not restored: sign-ins/s)
    t.match(
      await run(`restore ${file} --config ${settings} --key-file ${keyFile}`),
      /Restored/,
      'can be repeated until a hub has started; data_dir has the key now, so nobody need name the signer',
    )
    const restored = await elsewhere.start(embedded)
    t.teardown(() => restored.stop())
    t.equal(await restored.api('GET', '/auth/export/hub-ca'), hubCa, 'the authority is the same')
    t.same(await restored.api('GET', '/tokens'), [], 'no join token')
    t.match(await verified(restored), { ok: true })
    t.match(await restored.api('GET', '/apps/app'), { metadata: { name: 'app' } })
    await restored.stop()
    await t.rejects(
      run(`restore ${file} --config ${settings} --key-file ${ownKey}`),
      /already contains a cluster/,
    )
  })
  await t.test(
    'makes backups by itself, keeps the newest, and says when the last one was made',
    async (t) => {
      const folder = join(dir, 'backups')
      const hub = await createTestHub({
        config: {
          plugins: { backup: { recipients: [recipient], schedule: { folder, every: '1m', keep: 1 } } },
        },
      })
      t.teardown(() => hub.stop())
      const made = () =>
        existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.backup')) : []
      await until(async () => made().length === 1, 'the first backup is made')
      t.match(await run(`backup verify ${join(folder, made()[0]!)} --key-file ${keyFile}`), /is complete/)
      await until(async () => {
        const text = await (await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/metrics`)).text()
        return /^mezite_backup_last_success_timestamp_seconds 1\d{9}/m.test(text)
      }, 'the metric has the time of the backup')
      const [status] = await runLines(['status'], { MEZITE_DATA_DIR: hub.dataDir })
      t.match(status?.out, /^Last backup +(?:now|\d+s ago), wrote mezite-\S+\.backup with [\d,]+ rows$/m)
    },
  )
})
