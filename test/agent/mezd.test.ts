// long
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { readAgentConfig } from '../../agent/agent-config.ts'
import { agentSchema } from '../../agent/agent-schema.ts'
import { printError } from '../../core/kernel/error.ts'
import { images } from '../../oclif-cli/packaging/images.ts'
import '../e2e/plain-programs.ts'
import { startServiceManager } from '../base/log/service-manager.ts'
import { drain, startApp } from '../traffic/tunnel/start-app.ts'
import { startTunnelHub, type TunnelHub, testApp } from '../traffic/tunnel/start-tunnel-hub.ts'
import { until } from '../until.ts'

const MEZD = fileURLToPath(new URL('../../agent/mezd.js', import.meta.url))

interface Program {
  readonly child: ChildProcess
  /** Resolves once its log matches. */
  readonly said: (what: RegExp) => Promise<void>
  readonly ended: Promise<{ code: number | null; out: string; err: string }>
}

function startMezd(args: readonly string[], env: Record<string, string> = {}, input = ''): Program {
  const kept = Object.entries(process.env).filter(([name]) => !/^(MEZITE_|TAP)/.test(name))
  const child = spawn(process.execPath, [MEZD, ...args], {
    env: { ...Object.fromEntries(kept), ...env },
    timeout: 180_000,
  })
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }))
  })
  const said = async (what: RegExp) => {
    while (!what.test(err) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { child, said, ended }
}

/** What mezd prints about its configuration, and its exit code, without a process. */
async function refusalOf(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  let err = ''
  const options = { program: join(import.meta.dirname, '../../agent'), env }
  const code = await readAgentConfig(args, options).then(
    () => 0,
    (error: unknown) =>
      printError(error, (text) => {
        err += text
      }),
  )
  return { code, err }
}

const flags = (hub: TunnelHub, dataDir: string): string[] => [
  'start',
  '--proxy',
  `hub.mezite.localhost:${hub.port}`,
  '--ca-pin',
  hub.authorities.pin(),
  '--hostname',
  'node-1',
  '--data-dir',
  dataDir,
]

async function hubFor(t: { teardown(run: () => unknown): void }): Promise<TunnelHub> {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  return hub
}

t.test('--help and --version print their text, and wrong usage exits 2', async (t) => {
  const [help, version, wrong, unknown] = await Promise.all([
    startMezd(['--help']).ended,
    startMezd(['--version']).ended,
    startMezd(['start', '--prox', 'x']).ended,
    startMezd(['run']).ended,
  ])
  t.equal(help.code, 0)
  for (const flag of ['proxy', 'token-file', 'ca-pin', 'hostname', 'data-dir', 'transport', 'config']) {
    t.match(help.out, `--${flag} `)
  }
  t.match(help.out, /MEZITE_JOIN_TOKEN/)
  t.match(version, { code: 0, out: /^mezd \d+\.\d+\.\d+\n$/ })
  t.match(wrong, { code: 2, err: /^error: .*--prox.* \(MEZ_USAGE_WRONG\)\n.*--help/ })
  t.match(unknown, { code: 2, err: /\(MEZ_USAGE_WRONG\)/ })
})

t.test('the example file has every key and is accepted', async (t) => {
  const file = join(import.meta.dirname, '../../examples/operations/mezd.yaml')
  t.strictSame(
    Object.keys(parse(readFileSync(file, 'utf8'))).sort(),
    Object.keys(agentSchema.properties).sort(),
  )
  const config = await readAgentConfig(['--config', file], {
    program: join(import.meta.dirname, '../../agent'),
  })
  t.match(config, { proxyAddr: 'mezite.example.com:443', hostname: 'node-1', transports: ['http2'] })
})

t.test(
  'the file for a container is accepted, and the health check of the image asks its address',
  async (t) => {
    const folder = join(import.meta.dirname, '../../examples/containers')
    const file = join(folder, 'mezd.yaml')
    await readAgentConfig(['--config', file], { program: join(import.meta.dirname, '../../agent') })
    t.equal(
      images.agent.health,
      `http://${parse(readFileSync(file, 'utf8')).diagnostics.listen_addr}/healthz`,
    )
  },
)

t.test('K147 every problem of the configuration is reported with file, line and path', async (t) => {
  const dir = t.testdir({
    'keys.yaml': 'proxy_adr: hub\nhostname: [a]\napps:\n  alow: []\n',
    'values.yaml':
      'proxy_addr: https://hub\nca_pin: sha256:12\napps:\n  allow:\n    - ok:1\n    - nonsense\n',
    'both.yaml': [
      'hostnam: node-1',
      'ca_pin: sha256:12',
      'join_token: {}',
      'apps: { alow: [], allow: [nonsense] }',
      'plugins: { ./none.js: {}, transport-http2: { speed: 9 } }',
    ].join('\n'),
    'scalar.yaml': 'hello\n',
    'broken.yaml': 'proxy_addr: [\n',
    'plugin.yaml': 'proxy_addr: hub\nplugins:\n  transport-http2: { speed: 9 }\n',
  })
  const run = (name: string) => refusalOf(['--config', join(dir, name)])
  const [broken, both, scalar, keys, values, plugin, none] = await Promise.all([
    run('broken.yaml'),
    run('both.yaml'),
    run('scalar.yaml'),
    startMezd(['start', '--config', join(dir, 'keys.yaml')]).ended,
    run('values.yaml'),
    run('plugin.yaml'),
    run('none.yaml'),
  ])
  t.match(broken.err, / \(MEZ_CONFIG_INVALID\)\n.*broken\.yaml:.*\nCorrect .*mezd --help/s)
  t.strictSame(
    both.err.match(/(?<=both\.yaml:)\d: [\w.-]+/g),
    ['1: hostnam', '3: join_token.file', '4: apps.alow'],
    'what does not fit the schema is listed before anything else is checked',
  )
  t.match(scalar, { code: 1, err: /scalar\.yaml: the file: must be object/ })
  t.match(keys, { code: 1, err: /keys\.yaml:1: proxy_adr: unknown key; did you mean 'proxy_addr'\?/ })
  t.match(keys.err, /keys\.yaml:2: hostname: must be string/)
  t.match(
    keys.err,
    /\(MEZ_CONFIG_INVALID\)\n.*keys\.yaml:4: apps\.alow: unknown key; did you mean 'allow'\?/s,
  )
  t.match(values.err, /values\.yaml:1: proxy_addr: must be host:port/)
  t.match(values.err, /values\.yaml:2: ca_pin: /)
  t.match(values.err, /values\.yaml:6: apps\.allow\.1: /)
  t.match(plugin, {
    code: 1,
    err: /plugin\.yaml:3: plugins\.transport-http2: the plugin takes no configuration/,
  })
  t.match(none, { code: 1, err: /MEZ_CONFIG_UNREADABLE/ })
})

t.test('K147 an unknown transport and an unknown log level are refused', async (t) => {
  const args = ['start', '--proxy', '127.0.0.1:9', '--data-dir', t.testdir()]
  const [transport, level] = await Promise.all([
    startMezd([...args, '--transport', 'carrier-pigeon']).ended,
    refusalOf(args.slice(1), { MEZITE_LOG_LEVEL: 'loud' }),
  ])
  t.match(transport, {
    code: 1,
    err: /"carrier-pigeon".*\(MEZ_CONFIG_INVALID\)\n.*`mezd --help`/,
  })
  t.match(level, {
    code: 1,
    err: /\(MEZ_CONFIG_INVALID\)\n.*environment: MEZITE_LOG_LEVEL: must be info or debug or warn or error\n.*`mezd --help`/,
  })
})

t.test('O180 P182 no signal opens the debugger, and strict_runtime refuses one that is open', async (t) => {
  const lines = `proxy_addr: 127.0.0.1:9\nca_pin: sha256:${'0'.repeat(64)}\nhostname: node-1\ndata_dir: data\n`
  const dir = t.testdir({ 'mezd.yaml': lines, 'strict.yaml': `${lines}strict_runtime: true\n` })
  const start = (name: string, env = {}, data = 'data') =>
    startMezd(['start', '--config', join(dir, name), '--data-dir', join(dir, data)], {
      MEZITE_JOIN_TOKEN: 'x'.repeat(32),
      ...env,
    })
  const open = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }
  const [plain, warned] = [start('mezd.yaml'), start('mezd.yaml', open, 'other')]
  const refused = await start('strict.yaml', open).ended
  t.equal(refused.code, 1)
  t.match(refused.err, /a debugger is open at ws:\/\/127\.0\.0\.1:\d+: .*\(MEZ_RUNTIME_UNSAFE\)\n.*--inspect/)
  for (const { said } of [plain, warned]) await said(/hub_unreachable|connect/i)
  plain.child.kill('SIGUSR1')
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (const { child } of [plain, warned]) child.kill('SIGTERM')
  t.notMatch((await plain.ended).err, /debugger/i)
  t.match((await warned.ended).err, /"msg":"a debugger is open at /)
})

t.test(
  'J127 it joins with a token from the environment, which no argument shows, and SIGTERM drains it',
  async (t) => {
    const hub = await hubFor(t)
    const token = await hub.token()
    const config = join(
      t.testdir({
        'mezd.yaml': [
          `proxy_addr: hub.mezite.localhost:${hub.port}`,
          `ca_pin: ${hub.authorities.pin()}`,
          'hostname: Node-1',
          'data_dir: data',
          'tunnel: { transports: [http2] }',
          'apps: { allow: ["127.0.0.0/8:*"] }',
        ].join('\n'),
      }),
      'mezd.yaml',
    )
    const manager = startServiceManager(dirname(config))
    const mezd = startMezd(['start', '--config', config], { MEZITE_JOIN_TOKEN: token, ...manager.env })
    await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
    await hub.until(() => manager.states().length > 0, 'systemd learns that it runs')
    t.notOk(readFileSync(`/proc/${mezd.child.pid}/cmdline`, 'utf8').includes(token))
    t.equal(hub.tunnel.links()[0]?.version, '0.1.0')
    t.equal(hub.tunnel.links()[0]?.hostname, 'node-1')

    const app = await startApp(t, (socket) => socket.on('data', (chunk: Buffer) => socket.end(chunk)))
    const pipe = await hub.open(testApp(app.uri))
    const reading = drain(pipe)
    mezd.child.kill('SIGTERM')
    await hub.until(() => hub.tunnel.candidates(testApp(app.uri)).length === 0, 'it takes nothing new')
    pipe.write(Buffer.from('last words'))
    pipe.end()
    const { bytes, error } = await reading
    t.equal(`${bytes}`, 'last words')
    t.equal(error, null)
    const { code, out, err } = await mezd.ended
    t.equal(code, 0)
    t.strictSame(manager.states(), ['READY=1', 'STOPPING=1'])
    t.notOk(`${out}${err}`.includes(token), 'no token in the log')
    t.notMatch(err, /"level":"warn"(?!.*known security holes)/, 'a stop is not reported as a lost hub')

    t.comment('later starts need no token')
    const again = startMezd(['start', '--config', config])
    await hub.until(() => hub.tunnel.links().length === 1, 'it is back')
    again.child.kill('SIGINT')
    t.equal((await again.ended).code, 0)
  },
)

t.test('a refused token, a wrong pin and a missing token end it with status 1', async (t) => {
  const hub = await hubFor(t)
  const dir = t.testdir({ token: 'guessed\n', one: {}, two: {}, three: {} })
  const wrongPin = flags(hub, join(dir, 'two')).map((arg) =>
    arg.startsWith('sha256:') ? `sha256:${'0'.repeat(64)}` : arg,
  )
  const [refused, pin, none] = await Promise.all([
    startMezd([...flags(hub, join(dir, 'one')), '--token-file', join(dir, 'token')]).ended,
    startMezd([...wrongPin, '--token-file', '-'], {}, 'secret-token\n').ended,
    startMezd(flags(hub, join(dir, 'three'))).ended,
  ])
  t.match(refused, { code: 1, err: /^error: .*\(MEZ_TOKEN_REFUSED\)\n.*mezctl tokens create/m })
  t.match(pin, { code: 1, err: /\(MEZ_PIN_MISMATCH\)/ })
  t.match(none, { code: 1, err: /\(MEZ_IDENTITY_MISSING\)/ })
  for (const { out, err } of [refused, pin]) t.notMatch(`${out}${err}`, /guessed|secret-token/)
  t.equal(hub.events.filter((event) => event.reason === 'token_refused').length, 1)
})

t.test('an unusable token file is named in an error, unless the agent has joined', async (t) => {
  const hub = await hubFor(t)
  const dir = t.testdir({ empty: '\n', folder: {}, token: await hub.token() })
  const run = (file: string, input = '') =>
    startMezd([...flags(hub, join(dir, 'data')), '--token-file', file], {}, input)
  for (const [file, what] of [
    [join(dir, 'gone'), /the token file .*gone cannot be read: ENOENT/],
    [join(dir, 'empty'), /the token file .*empty is empty/],
    [join(dir, 'folder'), /the token file .*folder cannot be read: EISDIR/],
    ['-', /standard input is empty/],
  ] as const) {
    const { code, err } = await run(file).ended
    t.equal(code, 1)
    t.match(err, what)
    t.match(err, /\(MEZ_IDENTITY_MISSING\)/)
  }
  const joining = run(join(dir, 'token'))
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  joining.child.kill('SIGTERM')
  await joining.ended
  await hub.until(() => hub.tunnel.links().length === 0, 'it has stopped')
  const again = run(join(dir, 'gone'))
  await hub.until(() => hub.tunnel.links().length === 1, 'it is back without a token')
  again.child.kill('SIGTERM')
  t.equal((await again.ended).code, 0)
})

const TERMINAL = `
import os, pty, sys
token = sys.argv[1].encode()
def read(fd):
    data = os.read(fd, 1024)
    if b'Join token: ' in data: os.write(fd, token + b'\\n')
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read)))
`

t.test('mezd asks for the token on a terminal, and reads one line', async (t) => {
  const hub = await hubFor(t)
  const mezd = [process.execPath, MEZD, ...flags(hub, t.testdir({})), '--token-file', '-']
  const terminal = spawn('/usr/bin/python3', ['-c', TERMINAL, await hub.token(), ...mezd], {
    stdio: 'ignore',
  })
  const ended = once(terminal, 'exit')
  t.teardown(() => terminal.kill())
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  terminal.kill()
  await ended
  await hub.until(() => hub.tunnel.links().length === 0, 'it went with its terminal')
})

t.test('mezd waits for a hub that has not started yet', async (t) => {
  const dir = t.testdir({ token: 'x' })
  const args = ['start', '--proxy', '127.0.0.1:1', '--ca-pin', `sha256:${'0'.repeat(64)}`]
  const mezd = startMezd([...args, '--token-file', join(dir, 'token'), '--data-dir', join(dir, 'data')])
  let log = ''
  const hear = (chunk: Buffer): void => {
    log += chunk
  }
  mezd.child.stdout?.on('data', hear)
  mezd.child.stderr?.on('data', hear)
  await until(() => log.split('cannot reach the hub').length > 2, 'it has tried twice')
  mezd.child.kill('SIGTERM')
  t.equal((await mezd.ended).code, 0)
})

t.test('fault 41: a hub or an agent that is blocked for 2 s does not lose the link', async (t) => {
  const hub = await hubFor(t)
  const dir = t.testdir({})
  const mezd = startMezd([...flags(hub, dir), '--token-file', '-'], {}, await hub.token())
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  const [link] = hub.tunnel.links()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_200)
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  t.equal(hub.tunnel.links()[0], link, 'the hub was blocked')
  mezd.child.kill('SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  mezd.child.kill('SIGCONT')
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  t.equal(hub.tunnel.links()[0], link, 'the agent was stopped')
  mezd.child.kill('SIGTERM')
  t.equal((await mezd.ended).code, 0)
})

t.test('a second mezd on one data directory is refused, and a killed one leaves it free', async (t) => {
  const hub = await hubFor(t)
  const dir = join(t.testdir({}), 'data')
  const first = startMezd([...flags(hub, dir), '--token-file', '-'], {}, await hub.token())
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  const [link] = hub.tunnel.links()
  t.match(await startMezd(flags(hub, dir)).ended, {
    code: 1,
    err: /^error: another mezd uses the data directory .*data \(MEZ_DATA_DIR_UNWRITABLE\)\nStop the other mezd/m,
  })
  t.equal(hub.tunnel.links()[0], link, 'the first one was not disturbed')
  first.child.kill('SIGKILL')
  await first.ended
  const next = startMezd(flags(hub, dir))
  await hub.until(() => hub.tunnel.links().length === 1 && hub.tunnel.links()[0] !== link, 'it takes over')
  next.child.kill('SIGTERM')
  t.equal((await next.ended).code, 0)
})
