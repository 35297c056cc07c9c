// needs: PostgreSQL
/** Does what examples/operations/backup.md says: back up, lose everything, restore. */
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTestHub, FakeIssuer, freePort, startPostgres, Visitor } from '@mezite/core/testing'
import t from 'tap'
import { connect, register } from '../e2e/resources.ts'
import { isConnected, startAgent } from '../e2e/start-agent.ts'
import { startHttpApp } from '../e2e/start-http-app.ts'
import { runMezctl } from '../oclif-cli/run-program.ts'
import { until } from '../until.ts'

const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'mezite-backup-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const readme = readFileSync(join(import.meta.dirname, '../../examples/operations/backup.md'), 'utf8')

/** What the page tells people to leave out. */
const leftOut = [...readme.matchAll(/--exclude-table-data=\w+/g)].map(([option]) => option)

t.test('fault 42: a dump of PostgreSQL and the key restore the cluster', async (t) => {
  t.ok(leftOut.length >= 3, leftOut.join(' '))
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const appPort = await startHttpApp(t, (_request, response) => response.end('hello'))
  const port = await freePort()
  const dataDir = join(dir, 'hub')
  const startHub = (url: string) =>
    createTestHub({
      config: {
        data_dir: dataDir,
        database: { driver: 'postgres', url },
        proxy: { listen_addr: `127.0.0.1:${port}`, public_addr: `hub.mezite.localhost:${port}` },
      },
    })

  const firstUrl = await postgres.createDatabase()
  const first = await startHub(firstUrl)
  await connect(first.api, issuer)
  await register(first.api, 'app', appPort, { agents: ['node-1'] })
  const proxy = new URL(first.url).host
  const agent = await startAgent({ hostname: 'node-1', proxy, api: first.api, dir })
  t.teardown(() => agent.stop())
  const app = first.appUrl('app')
  const alice = first.visitor()
  t.equal((await alice.open(`${app}/`)).status, 200)
  const unspent = await first.api<{ id: string }>('POST', '/tokens', { roles: ['app'], ttl_seconds: 600 })
  const hubCa = await first.api('GET', '/auth/export/hub-ca')

  // Events are written a moment after what they tell of.
  await until(
    async () => (await first.api<unknown[]>('GET', '/audit?type=user.login')).length === 1,
    'the sign-in is in the audit trail',
  )
  const dump = join(dir, 'mezite.dump')
  const key = join(dir, 'key')
  await run(postgres.program('pg_dump'), ['--format=custom', ...leftOut, `--file=${dump}`, firstUrl])
  cpSync(join(dataDir, 'encryption-key'), key)
  await first.stop()
  rmSync(dataDir, { recursive: true })

  const secondUrl = await postgres.createDatabase()
  await run(postgres.program('pg_restore'), ['--no-owner', `--dbname=${secondUrl}`, dump])
  mkdirSync(dataDir, { mode: 0o700 })
  cpSync(key, join(dataDir, 'encryption-key'))
  chmodSync(join(dataDir, 'encryption-key'), 0o600)
  const second = await startHub(secondUrl)
  t.teardown(() => second.stop())

  t.equal(await second.api('GET', '/auth/export/hub-ca'), hubCa, 'the authority is the same')
  await until(() => isConnected(second.api, 'node-1'), 'the agent comes back by itself')
  // The browser trusts the new throw-away certificate, and still has its cookies.
  Object.assign(alice, { ca: second.ca })
  const before = await alice.fetch(`${app}/`, { headers: { accept: 'application/json' } })
  t.equal(before.status, 401, 'sessions of before are over')
  t.equal(
    (await new Visitor(second.ca).open(`${app}/`)).status,
    200,
    'people sign in: the secret is readable',
  )
  const tokens = await second.api<{ id: string }[]>('GET', '/tokens')
  t.notOk(
    tokens.some(({ id }) => id === unspent.id),
    'no join token comes back',
  )
  const env = { MEZITE_DATA_DIR: dataDir }
  const verified = await runMezctl(['audit', 'verify'], env)
  t.equal(verified.code, 0, verified.err)
  t.match(verified.out, /The audit trail is intact: \d+ events/)
  const logins = () => second.api<unknown[]>('GET', '/audit?type=user.login&limit=10')
  await until(
    async () => (await logins()).length === 2,
    'the sign-ins of before and after are in the audit trail',
  )
})
