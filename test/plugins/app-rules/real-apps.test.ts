// needs: prometheus
// together: programs
/** Rules inside real applications, unchanged, with their own clients: Verdaccio and npm, git, and Prometheus. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'
import { gitIn, startGitServer } from '../authorization-server/git-programs.ts'
import { startConnectProxy, startProgram } from '../authorization-server/local-programs.ts'
import { npmIn, startVerdaccio } from '../authorization-server/npm-programs.ts'
import { authorize, startWorld } from '../authorization-server/world.ts'
import { listening, signersOf } from '../signed-intent/signing.ts'

const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'mezite-real-apps-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const read = { name: 'read', methods: ['GET', 'HEAD'], paths: ['/**'] }
const roleAt = (serves: string, rules: readonly object[], deny: readonly object[] = []) => ({
  allow: { app_labels: { serves }, app_rules: [read, ...rules] },
  ...(deny.length > 0 && { deny: { app_rules: deny } }),
})
const { ear, nextPage } = listening()
const world = await startWorld(t, {
  more: [ear],
  roles: {
    packages: roleAt('npm', [
      // npm writes the slash of @shop/library as %2f, which is read as both.
      { name: 'publish', methods: ['PUT'], paths: ['/@shop*/**'] },
      { name: 'unpublish', methods: ['DELETE'], paths: ['/**/-rev/*'], require: { signature: true } },
    ]),
    sources: roleAt(
      'git',
      [
        { name: 'fetch', methods: ['POST'], paths: ['/*/git-upload-pack'] },
        { name: 'push', methods: ['POST'], paths: ['/*/git-receive-pack'] },
      ],
      [
        { name: 'no-push', methods: ['*'], paths: ['/shop.git/git-receive-pack'] },
        {
          name: 'no-push-refs',
          methods: ['*'],
          paths: ['/shop.git/info/refs'],
          query: { equals: { service: 'git-receive-pack' } },
        },
      ],
    ),
    measures: roleAt('prometheus', [
      { name: 'admin', methods: ['*'], paths: ['/api/v1/admin/**'], require: { confirm_within: '5m' } },
    ]),
  },
})
const { hub, register, resource } = world
await register('git', { uri: await startGitServer(t, dir) }, { serves: 'git' })
const program = await world.client()
const people = await signersOf(hub, (name) => world.person(name, 'packages', 'sources', 'measures'), program)
const dora = await people.signer('dora')
const tokenFor = async (app: string) =>
  (await authorize(hub, dora.visitor, program, resource(app))).access_token

t.test('git: cloning is allowed, and pushing only where no rule denies it', async (t) => {
  const git = gitIn(dir, hub)
  for (const name of ['shop', 'notes'])
    await run('git', ['init', '-q', '--bare', '-b', 'main', join(dir, `${name}.git`)])
  const { hostname, port } = new URL(hub.appUrl('git'))
  const own = `http.extraHeader=Authorization: Bearer ${dora.token}`
  for (const name of ['shop', 'notes']) {
    const copy = join(dir, `${name}-copy`)
    await git(dir, '-c', own, 'clone', '-q', `https://${hostname}:${port}/${name}.git`, copy)
    writeFileSync(join(copy, 'file'), name)
    await git(copy, 'add', '.')
    await git(copy, 'commit', '-q', '-m', 'first')
  }
  await git(join(dir, 'notes-copy'), '-c', own, 'push', '-q', 'origin', 'HEAD:main')
  const refused = git(join(dir, 'shop-copy'), '-c', own, 'push', '-q', 'origin', 'HEAD:main')
  await t.rejects(refused, /error: 403/)
  const commits = async (name: string) =>
    (await run('git', ['-C', join(dir, `${name}.git`), 'rev-list', '--all', '--count'])).stdout.trim()
  t.strictSame([await commits('notes'), await commits('shop')], ['1', '0'])
})

t.test(
  'npm: a scope is published and read, another is not, and unpublishing waits for a passkey',
  async (t) => {
    const { port } = await startVerdaccio(t, dir)
    await register('npm', { uri: `http://127.0.0.1:${port}` }, { serves: 'npm' })
    const proxy = await startConnectProxy(t)
    const { npm, settings } = npmIn(dir, { registry: resource('npm'), caFile: hub.caFile, proxy })
    settings(await tokenFor('npm'))
    const packageOf = (name: string) => {
      const folder = join(dir, name.replace('/', '-'))
      mkdirSync(folder)
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.2.3' }))
      return folder
    }
    const library = packageOf('@shop/library')
    await npm(library, 'publish')
    await t.rejects(npm(packageOf('@core/library'), 'publish'), /403/, 'a scope of others')
    const version = async () => (await npm(dir, 'view', '@shop/library', 'version')).stdout.trim()
    t.equal(await version(), '1.2.3', 'GET /@shop%2flibrary')
    const unpublished = npm(dir, 'unpublish', '@shop/library', '--force')
    // A program that ends early would leave the test waiting.
    unpublished.catch((error: unknown) => t.fail(String(error)))
    const page = await nextPage()
    t.match((await dora.visitor.open(hub.signInUrl + page)).text, /DELETE \/@shop%2flibrary\/-rev\//i)
    t.equal(await version(), '1.2.3', 'it is still there')
    t.match(await people.sign(dora, page), { status: 200 })
    await unpublished
    await t.rejects(version(), /404/, 'it is gone')
  },
)

t.test('Prometheus: queries are allowed, and its admin API needs a fresh passkey', async (t) => {
  const address = `127.0.0.1:${await freePort()}`
  const config = join(dir, 'prometheus.yml')
  writeFileSync(config, '{}')
  const { output } = startProgram(t, 'prometheus', [
    ...[`--config.file=${config}`, `--storage.tsdb.path=${join(dir, 'tsdb')}`, '--web.enable-admin-api'],
    ...[`--web.listen-address=${address}`, '--log.level=warn'],
  ])
  const isReady = () => fetch(`http://${address}/-/ready`).then(({ ok }) => ok)
  await until(() => isReady().catch(() => false), `Prometheus starts: ${output.join('')}`)
  await register('prometheus', { uri: `http://${address}` }, { serves: 'prometheus' })
  const authorization = `Bearer ${await tokenFor('prometheus')}`
  const ask = async (method: string, path: string) => {
    const headers = { accept: 'application/json', authorization }
    const { status, text } = await hub.visitor().fetch(hub.appUrl('prometheus') + path, { method, headers })
    return { status, ...(text.startsWith('{') && JSON.parse(text)) }
  }
  t.match(await ask('GET', '/api/v1/query?query=vector(1)'), { status: 'success' })
  t.match(await ask('POST', '/api/v1/query?query=vector(1)'), { status: 403, code: 'request_not_allowed' })
  const refused = await ask('POST', '/api/v1/admin/tsdb/snapshot')
  t.match(refused, { status: 401, code: 'confirmation_required' })
  t.match(await ask('POST', '/api/v1/x/..%2fadmin/tsdb/snapshot'), { status: 403 }, 'in another spelling')
  const { searchParams } = new URL(refused.challenge_url)
  const named = { session: searchParams.get('session'), app: searchParams.get('app') }
  const { keys } = people
  const begun = await keys.post(dora.visitor, '/web/confirm/begin', named)
  const response = dora.key.get(begun.options)
  const done = { ...named, port: '', ceremony: begun.ceremony, response }
  t.match(await keys.post(dora.visitor, '/web/confirm/finish', done), { status: 200 })
  t.match(await ask('POST', '/api/v1/admin/tsdb/snapshot'), {
    status: 'success',
    data: { name: /^\d{8}T/ },
  })
})
