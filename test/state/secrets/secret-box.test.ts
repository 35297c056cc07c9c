// together: rooms
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import t from 'tap'
import {
  keyFileOf,
  makeEncryptionKey,
  parseEncryptionKey,
} from '../../../core/state/secrets/encryption-key.ts'
import { openSecretBox } from '../../../core/state/secrets/key-verification.ts'
import { createSecretBox } from '../../../core/state/secrets/secret-box.ts'
import { loseCommits } from '../database/lose-commits.ts'
import { postgresStore } from '../database/postgres-stores.ts'
import { open } from '../database/stores.ts'

const place = { table: 'connectors', id: 'okta', purpose: 'client-secret' }

t.test('O176 a ciphertext can be opened only for its own place', (t) => {
  const secretBox = createSecretBox(randomBytes(32))
  const sealed = secretBox.seal(place, Buffer.from('s3cret'))
  t.equal(secretBox.open(place, sealed).toString(), 's3cret')
  t.notSame(secretBox.seal(place, Buffer.from('s3cret')), sealed, 'a nonce of its own each time')
  t.notOk(sealed.includes('s3cret'))
  for (const other of [
    { ...place, table: 'users' },
    { ...place, id: 'okta2' },
    { ...place, purpose: 'other' },
    { table: 'connectors","okta', id: '', purpose: 'client-secret' },
  ]) {
    t.throws(() => secretBox.open(other, sealed), { code: 'MEZ_SECRET_UNREADABLE' })
  }
  const comma = secretBox.seal({ table: 't', id: 'a,b', purpose: 'c' }, Buffer.from('s3cret'))
  t.throws(() => secretBox.open({ table: 't', id: 'a', purpose: 'b,c' }, comma), {
    code: 'MEZ_SECRET_UNREADABLE',
  })
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => secretBox.open(place, changed), { code: 'MEZ_SECRET_UNREADABLE' })
  }
  for (const whole of [sealed, secretBox.seal(place, Buffer.alloc(0))]) {
    for (let length = 0; length < whole.length; length++) {
      t.throws(() => secretBox.open(place, whole.subarray(0, length)), { code: 'MEZ_SECRET_UNREADABLE' })
    }
  }
  t.throws(() => createSecretBox(randomBytes(32)).open(place, sealed), { code: 'MEZ_SECRET_UNREADABLE' })
  t.end()
})

t.test('a key is 32 bytes in base64 or hex, and an error never shows it', (t) => {
  const key = randomBytes(32)
  for (const form of ['base64', 'base64url', 'hex'] as const) {
    t.same(parseEncryptionKey(` ${key.toString(form)}\n`, 'x'), key)
  }
  for (const bad of ['', 'short', randomBytes(31).toString('base64'), randomBytes(33).toString('hex')]) {
    const error = t.throws(() => parseEncryptionKey(bad, 'KEY'), { code: 'MEZ_ENCRYPTION_KEY_INVALID' })
    if (bad) t.notMatch((error as Error).message, bad)
  }
  t.end()
})

t.test('O177 a hub whose key does not fit refuses to start, and nothing is overwritten', async (t) => {
  const store = await postgresStore()
  t.teardown(() => store.close())
  const folder = await mkdtemp(join(tmpdir(), 'mezite-vault-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const dirs = ['a', 'b', 'c'].map((name) => join(folder, name)) as [string, string, string]
  const [a, b, c] = dirs
  const database = await open(await store.config())
  t.teardown(() => database.close())
  const { db } = database
  const check = async () => (await sql`SELECT * FROM encryption_key_check`.execute(db)).rows

  const secretBox = await openSecretBox({ db, dataDir: a, env: {} })
  const sealed = secretBox.seal(place, Buffer.from('s3cret'))
  const file = await readFile(keyFileOf(a), 'utf8')
  const before = await check()
  t.equal((await stat(keyFileOf(a))).mode & 0o777, 0o600)
  t.equal((await stat(a)).mode & 0o777, 0o700)
  t.same(await readdir(a), ['encryption-key'], 'no draft is left')
  for (const env of [{}, { MEZITE_ENCRYPTION_KEY: '' }])
    t.equal((await openSecretBox({ db, dataDir: a, env })).open(place, sealed).toString(), 's3cret')
  t.same(await makeEncryptionKey(a), { key: parseEncryptionKey(file, a), made: false }, 'there is one')

  t.same(
    await openSecretBox({ db, dataDir: b, env: { MEZITE_ENCRYPTION_KEY: file } }).then((v) =>
      v.open(place, sealed),
    ),
    Buffer.from('s3cret'),
  )

  await t.rejects(openSecretBox({ db, dataDir: b, env: {} }), {
    code: 'MEZ_ENCRYPTION_KEY_WRONG',
    message: /has none/,
  })
  await t.rejects(stat(keyFileOf(b)), { code: 'ENOENT' }, 'no new key was made')

  await makeEncryptionKey(c)
  const wrong = await readFile(keyFileOf(c), 'utf8')
  await t.rejects(openSecretBox({ db, dataDir: c, env: {} }), {
    code: 'MEZ_ENCRYPTION_KEY_WRONG',
    message: /another key/,
  })
  await t.rejects(openSecretBox({ db, dataDir: a, env: { MEZITE_ENCRYPTION_KEY: wrong } }), {
    code: 'MEZ_ENCRYPTION_KEY_WRONG',
  })
  t.equal(await readFile(keyFileOf(c), 'utf8'), wrong)
  t.equal(await readFile(keyFileOf(a), 'utf8'), file)
  t.same(await check(), before)

  for (const mode of [0o644, 0o640, 0o620, 0o601]) {
    await chmod(keyFileOf(a), mode)
    await t.rejects(openSecretBox({ db, dataDir: a, env: {} }), { code: 'MEZ_ENCRYPTION_KEY_INVALID' })
  }
  await writeFile(keyFileOf(c), 'damaged')
  await t.rejects(openSecretBox({ db, dataDir: c, env: {} }), { code: 'MEZ_ENCRYPTION_KEY_INVALID' })
  t.equal(await readFile(keyFileOf(c), 'utf8'), 'damaged')

  await t.test('hubs of one key that start first at the same moment all start', async (t) => {
    const config = await store.config()
    const hubs = await Promise.all(Array.from({ length: 4 }, () => open(config)))
    t.teardown(() => Promise.all(hubs.map((hub) => hub.close())))
    for (let round = 0; round < 15; round++) {
      const opened = hubs.map(({ db }) =>
        openSecretBox({ db, dataDir: a, env: { MEZITE_ENCRYPTION_KEY: file } }),
      )
      const results = await Promise.allSettled(opened)
      t.same(
        results.filter(({ status }) => status === 'rejected'),
        [],
      )
      await sql`DROP TABLE encryption_key_check`.execute(hubs[0]!.db)
    }
  })

  await t.test('a first start that loses the response to its COMMIT keeps the key', async (t) => {
    const config = await store.config()
    const way = await loseCommits(config.driver === 'postgres' ? config.url : '')
    t.teardown(() => way.close())
    const dataDir = join(folder, 'lost')
    const start = async () => {
      const database = await open({ driver: 'postgres', url: way.url })
      return openSecretBox({ db: database.db, dataDir, env: {} }).finally(() => database.close())
    }
    way.arm('insert into encryption_key_check')
    await t.rejects(start(), { code: 'MEZ_DATABASE_UNAVAILABLE' })
    t.ok(await start(), 'the next start has it')
  })

  await t.test(
    'one of two hubs that start first at the same moment is refused and keeps no key',
    async (t) => {
      const fresh = await open(await store.config())
      t.teardown(() => fresh.close())
      const [one, two] = [join(folder, 'one'), join(folder, 'two')]
      const results = await Promise.allSettled(
        [one, two].map((dataDir) => openSecretBox({ db: fresh.db, dataDir, env: {} })),
      )
      t.same(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
      const files = await Promise.all(
        [one, two].map((dir) =>
          stat(keyFileOf(dir)).then(
            () => 1,
            () => 0,
          ),
        ),
      )
      t.equal(
        files.reduce<number>((sum, there) => sum + there, 0),
        1,
      )
    },
  )
  await t.test('an existing key is kept, even where another hub was first', async (t) => {
    const fresh = await open(await store.config())
    t.teardown(() => fresh.close())
    const both = [join(folder, 'first'), join(folder, 'second')]
    for (const dataDir of both) await makeEncryptionKey(dataDir)
    const results = await Promise.allSettled(
      both.map((dataDir) => openSecretBox({ db: fresh.db, dataDir, env: {} })),
    )
    t.same(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    for (const dataDir of both) t.ok(await stat(keyFileOf(dataDir)))
  })
})
