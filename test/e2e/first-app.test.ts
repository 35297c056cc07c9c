// needs: pebble
// long
/** "Your first application" of the README, each command as printed, with the names and addresses of this machine. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { seedDatabase } from '../../core/program/dev/database-seed.ts'
import { adminClient, freePort } from '../../core/testing/index.ts'
import { startPebble } from '../../examples/cluster/pebble.ts'
import { publishedWorkspaces } from '../../oclif-cli/packaging/workspaces.ts'
import { handshake } from '../plugins/acme/hub-with-acme.ts'
import { root, textOf } from '../read-imports.ts'
import { until } from '../until.ts'

const section = textOf('README.md').split('\n## Your first application\n')[1]!.split('\n## ')[0]!
const commands = [...section.matchAll(/^```\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
  block!.trim().split('\n'),
)

const app = createServer((_request, response) => response.end('Grafana')).listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => app.close())
const cwd = mkdtempSync(join(tmpdir(), 'mezite-first-app-'))
t.teardown(() => rmSync(cwd, { recursive: true, force: true }))
const port = await freePort()
const pebble = await startPebble({ tlsPort: port, httpPort: await freePort() })
t.teardown(() => pebble.close())
const env = {
  ...process.env,
  PATH: `${join(cwd, 'global/bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
  HOME: cwd,
  MEZITE_DATA_DIR: join(cwd, 'data'),
  MEZITE_DIAGNOSTICS_LISTEN_ADDR: `127.0.0.1:${await freePort()}`,
  NODE_EXTRA_CA_CERTS: pebble.caFile,
}
await seedDatabase(join(cwd, 'data'))

/** The words of a command, on this machine: loopback names, and an authority that reaches them. */
function wordsOf(command: string): string[] {
  return command
    .replace(
      / --acme-email \S+/,
      `$& --acme-directory ${pebble.directory} --listen-addr 127.0.0.1:${port} --data-dir data`,
    )
    .replaceAll('mezite.example.com:443', `hub.localhost:${port}`)
    .replaceAll('mezite.example.com', `hub.localhost:${port}`)
    .replaceAll('apps.example.com', 'apps.localhost')
    .replaceAll('10.0.3.12:3000', `127.0.0.1:${(app.address() as AddressInfo).port}`)
    .split(' ')
}

/** Runs a command of npm as its shell does, and installs globally into a folder of this test. */
function runNpm(command: string, folder: string): void {
  const { NODE_OPTIONS: _, ...rest } = process.env
  const own = {
    npm_config_prefix: join(cwd, 'global'),
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
  }
  const options = { cwd: folder, env: { ...rest, ...own }, encoding: 'utf8' } as const
  const { status, stderr } = spawnSync('sh', ['-c', command], options)
  t.equal(status, 0, stderr)
  t.notMatch(stderr, 'EBADENGINE')
}

async function run(command: string): Promise<string> {
  const [program, ...args] = wordsOf(command)
  const { stdout, stderr } = await promisify(execFile)(program!, args, { cwd, env })
  t.notMatch(stderr, /has never joined/, `${command} misses no token`)
  return stdout
}

/** Starts a program that runs until the end of the test. */
function start(command: string, input = ''): void {
  const [program, ...args] = wordsOf(command)
  const child = spawn(program!, args, { cwd, env, stdio: ['pipe', 'ignore', 'inherit'] })
  child.stdin.end(input)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  })
}

t.test('the first application takes at most seven commands, from a checkout on', async (t) => {
  t.ok(commands.length <= 7, `${commands.length} commands`)
  const named = (start: string) => commands.find((command) => command.startsWith(start))!
  t.strictSame(
    commands.map((command) => command.split(' ').slice(0, 2).join(' ')),
    ['npm ci', 'npm install', 'mezhub init', 'mezhub start', 'mezctl apps', 'npm install', 'mezd start'],
  )
  const [make = ''] = commands
  t.match(make, /^npm ci && /)
  // This test runs in a checkout in which `npm ci` has run.
  runNpm(make.replace('npm ci && ', ''), root)
  t.equal(globSync('dist/packages/*.tgz', { cwd: root }).length, publishedWorkspaces().length)
  cpSync(join(root, 'dist/packages'), join(cwd, 'packages'), { recursive: true })
  runNpm(named('npm install'), cwd)
  t.equal(
    realpathSync(join(cwd, 'global/bin/mezhub')),
    realpathSync(join(cwd, 'global/lib/node_modules/@mezite/hub/mezhub.js')),
    'the programs are those of the packs',
  )

  const printed = await run(named('mezhub init'))
  t.match(printed, new RegExp(`https://hub\\.localhost:${port}/v1/webapi/oidc/callback/sso`))
  t.match(printed, new RegExp(`https://hub\\.localhost:${port}/web/enrol#`), 'the link of the administrator')
  t.match(printed, /^ {2}mezctl apps register .* --agent-hostname node-1 --data-dir \S+\/data$/m)
  t.match(
    printed,
    /It works once, for an hour \(until 20.*\n.*\n.*make another:\n {2}mezctl users add-mfa alice --type=webauthn --data-dir/,
  )
  for (const host of ['hub.localhost', 'app.apps.localhost'])
    t.match(printed, `ok       ${host}: 127.0.0.1:${port} leads to this machine, as seen from here`)
  t.match(printed, `ok       certificates come from ${pebble.directory} once the hub runs`)
  t.notMatch(printed, /^ {2}missing/m)
  const [, agent, token] = /^ {2}(mezd start .*)\n {2}(\S+)$/m.exec(printed)!
  const pin = /sha256:[0-9a-f]{64}/.exec(agent!)![0]
  t.equal(wordsOf(named('mezd start')).join(' ').replace('sha256:…', pin), agent, 'the command of the agent')

  const file = join(cwd, 'mezhub.yaml')
  const config = parse(readFileSync(file, 'utf8'))
  t.strictSame(config.plugins.acme, {
    email: 'you@example.com',
    accept_terms: true,
    directory: pebble.directory,
  })
  // Of the names of this test only the authority's own DNS server knows.
  config.plugins.acme.resolvers = [pebble.dns]
  writeFileSync(file, stringify(config))
  start(named('mezhub start'))
  // Polling with `mezctl` itself takes the hub's processor time.
  const ready = () => fetch(`http://${env.MEZITE_DIAGNOSTICS_LISTEN_ADDR}/readyz`).then(({ ok }) => ok)
  await until(() => ready().catch(() => false), 'the hub runs')
  await run('mezctl status')
  t.match(await run(named('mezctl apps register')), /^certificate: ordering$/im)
  start(`${agent} --data-dir agent`, `${token}\n`)
  const api = adminClient(join(cwd, 'data/admin.sock'))
  const state = async () => (await api<{ status: { state: string } }>('GET', '/apps/grafana')).status.state
  await until(async () => (await state()) === 'ready', 'the agent reaches the application')
  const authority = await pebble.root()
  for (const host of ['hub.localhost', 'grafana.apps.localhost'])
    await until(async () => (await handshake(port, host, authority)).includes(`DNS:${host}`), host)
  t.match(JSON.parse(await run('mezctl apps get grafana --json')).status, {
    state: 'ready',
    certificate: { state: 'valid', error: null },
  })
  t.match(JSON.parse(await run('mezctl users get alice --json')), { roles: ['access', 'admin'] })
})

t.test('init reports missing files, and writes no file with which a hub cannot start', async (t) => {
  const failure = (command: string) => run(command).then(t.fail, ({ code, stderr }) => ({ code, stderr }))
  t.match(await failure('mezhub init'), { code: 2, stderr: /--public-addr, --apps-domain, --admin/ })
  const names = '--public-addr hub.example.org --apps-domain apps.example.org --admin a'
  t.match(
    await failure(`mezhub init ${names} --listen-addr 127.0.0.1:0`),
    { code: 1, stderr: /MEZ_FILE_UNWRITABLE/ },
    'the file exists',
  )
  for (const [more, flags] of [
    ['', '--cert-file FILE and --key-file FILE'],
    [' --cert-file a.pem', '--key-file FILE'],
    [' --key-file a.pem', '--cert-file FILE'],
  ] as const) {
    const stderr = `mezhub init needs ${flags}: the certificate, in PEM, for hub.example.org and *.apps.example.org`
    t.match(await failure(`mezhub init ${names} --config other.yaml${more}`), { code: 2, stderr })
    t.notOk(existsSync(join(cwd, 'other.yaml')))
  }
  for (const [more, stderr] of [
    [
      ' --local --cert-file a --key-file b',
      'one source of certificates, not --local and --cert-file and --key-file',
    ],
  ] as const)
    t.match(await failure(`mezhub init ${names} --config other.yaml${more}`), { code: 2, stderr })
  t.match(await failure(`mezhub init ${names} --config other.yaml --acme-directory letsencrypt`), {
    code: 2,
    stderr: '--acme-directory needs --acme-email ADDRESS',
  })
  const missing = ' --config other.yaml --key-file none.pem --cert-file none.pem'
  for (const _ of [1, 2])
    t.match(
      await failure(`mezhub init ${names}${missing}`),
      { code: 1, stderr: /none\.pem/ },
      'may be tried again',
    )
  t.match(await failure('mezd init --proxy hub.localhost'), { code: 2, stderr: /--ca-pin/ })
})

t.test('the commands of the Debian packages write a configuration that a hub starts with', async (t) => {
  const page = textOf('examples/operations/install.md')
  const command = /^mezhub init .*$/m.exec(page)?.[0] ?? ''
  await seedDatabase(join(cwd, 'debian'))
  const other = await freePort()
  // "init --service starts hub and agent" of the packaging tests has a systemd.
  const words = command
    .replace(' --service', ` --config debian.yaml --acme-directory ${pebble.directory}`)
    .replace('mezite.example.com', `hub.localhost:${other}`)
    .replace('apps.example.com', 'apps.localhost')
  t.not(words, command)
  const args = `${words} --listen-addr 127.0.0.1:${other} --data-dir debian`.split(' ').slice(1)
  const { stdout, stderr } = await promisify(execFile)('mezhub', args, {
    cwd,
    env: { ...env, MEZITE_DATA_DIR: join(cwd, 'debian') },
  })
  t.match(stderr, /^Checking names.*\nCreating the database and the administrator/, 'progress')
  t.match(stdout, `ok       certificates come from ${pebble.directory} once the hub runs`)
  t.notMatch(stdout, /^ {2}missing/m)
  t.match(await run('mezhub config check --config debian.yaml'), 'is valid')
})

t.test('init --local needs no certificate files for the names of a home network', async (t) => {
  await seedDatabase(join(cwd, 'home'))
  const names = '--public-addr mezite.home.arpa --apps-domain apps.home.arpa --admin alice'
  const args = `init --local ${names} --config home.yaml --listen-addr 127.0.0.1:0 --data-dir home`
  const { stdout: printed } = await promisify(execFile)('mezhub', args.split(' '), {
    cwd,
    env: { ...env, MEZITE_DATA_DIR: join(cwd, 'home') },
  })
  t.match(printed, /missing {2}browsers do not trust .*: run mezctl trust install --data-dir \S+\/home once/)
  t.match(parse(readFileSync(join(cwd, 'home.yaml'), 'utf8')).plugins, { 'local-authority': {} })
})

t.test('the agent writes its configuration, and tests the way to the hub', async (t) => {
  const { token, ca_pin: pin } = JSON.parse(await run('mezctl tokens create --roles=app --json'))
  const init = spawn(
    'mezd',
    [
      'init',
      '--proxy',
      `hub.localhost:${port}`,
      '--ca-pin',
      pin,
      '--hostname',
      'node-2',
      '--data-dir',
      'node-2',
    ],
    { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] },
  )
  init.stdin.end(token)
  let printed = ''
  init.stdout.on('data', (text) => {
    printed += text
  })
  const [code] = await once(init, 'close')
  t.match(printed, /An agent can reach this hub\.\nStart the agent with: mezd start --config .*mezd\.yaml/)
  t.equal(code, 0)
  t.equal(await run('mezd config check --config mezd.yaml'), 'The configuration is valid.\n')
})
