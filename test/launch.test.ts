import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { manifestOf, root } from '../oclif-cli/packaging/workspaces.ts'
import { cleanEnv } from './oclif-cli/run-program.ts'
import { until } from './until.ts'

const LAUNCH = pathToFileURL(join(import.meta.dirname, '../core/launch.js')).href
/** Makes the Node.js of this test too old once, so that the pinned one is started; 22.15 can replace itself. */
const OLD = (version: string) =>
  `data:text/javascript,if(!process.env.WAS_OLD){process.env.WAS_OLD='1';Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}});${version < '22' ? 'delete process.execve' : ''}}`

/** Starts a program on a Node.js that is too old, in a process group of its own, as a terminal does; it has begun. */
async function start(t: { testdir(): string }, entry: string, version = '20.0.0') {
  const folder = t.testdir()
  mkdirSync(join(folder, 'dist'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'dist/entry.js'), entry)
  const bin = join(folder, 'bin.js')
  writeFileSync(
    bin,
    `import { launch } from ${JSON.stringify(LAUNCH)}\nawait launch('bin', import.meta.url, 'entry')`,
  )
  // The loader of the runner, which it hands on in NODE_OPTIONS, listens for signals itself.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, '--import', OLD(version), bin], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: cleanEnv({}),
    timeout: 180_000,
  })
  let out = ''
  const begun = new Promise<void>((resolve) => {
    child.stdout.on('data', (text) => {
      out += text
      if (out.includes('begun')) resolve()
    })
  })
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  await Promise.race([begun, closed])
  return { pid: child.pid!, closed, said: () => out }
}

const COUNTS = `
  let heard = 0
  process.on('SIGTERM', () => {
    heard += 1
    console.log('SIGTERM', heard)
    if (heard > 1) process.exit(1)
    // Whatever the way through the other process takes: the same signal again at once.
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.exit(0), 2_000)
  })
  setInterval(() => {}, 1_000)
  console.log('begun')
`

t.test('a signal to the whole group and one to the program alone are each counted once', async (t) => {
  for (const [to, target] of [
    ['the group', -1],
    ['the program', 1],
  ] as const) {
    const program = await start(t, COUNTS)
    process.kill(target * program.pid, 'SIGTERM')
    t.strictSame(await program.closed, [0, null], to)
    t.match(program.said(), /^begun\nSIGTERM 1\n$/, to)
  }
})

t.test('a second signal takes effect', async (t) => {
  const program = await start(t, COUNTS.replace('2_000', '30_000'))
  process.kill(-program.pid, 'SIGTERM')
  await until(() => program.said().includes('SIGTERM 1'), 'the first is')
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  process.kill(-program.pid, 'SIGTERM')
  t.strictSame(await program.closed, [1, null])
})

t.test('death by a signal gives the exit code of shells', async (t) => {
  const program = await start(t, "console.log('begun'); setInterval(() => {}, 1_000)")
  process.kill(-program.pid, 'SIGINT')
  t.strictSame(await program.closed, [130, null])
})

t.test(
  'an old Node.js is replaced without a wait, and only one that cannot replace itself is named',
  async (t) => {
    const entry = "console.log('begun', process.pid, process.env.MEZITE_PARENT_NODE ?? 'none')"
    const replaced = await start(t, entry, '22.15.0')
    t.strictSame(await replaced.closed, [0, null])
    t.equal(replaced.said(), `begun ${replaced.pid} none\n`)
    const waiting = await start(t, entry)
    t.strictSame(await waiting.closed, [0, null])
    t.match(waiting.said(), /^begun \d+ 20\.0\.0\n$/)
    t.notMatch(waiting.said(), `begun ${waiting.pid} `)
  },
)

t.test('an old Node.js without a newer one reports that', async (t) => {
  const bin = join(t.testdir({ 'bin.js': '' }), 'bin.js')
  writeFileSync(
    bin,
    `import { launch } from ${JSON.stringify(LAUNCH)}\nawait launch('bin', import.meta.url, 'entry')`,
  )
  const args = ['-u', 'NODE_OPTIONS', process.execPath, '--import', OLD('20.0.0'), bin]
  const { status, stderr } = spawnSync('env', args, {
    encoding: 'utf8',
    env: cleanEnv({ MEZITE_RELAUNCHED: '1' }),
  })
  t.equal(status, 1)
  t.match(stderr, /MEZ_NODE_OLD/)
})

t.test('a checkout says which Node.js it needs, in every script and for every package', (t) => {
  const needsNode = join(root, 'oclif-cli/packaging/needs-node.cjs')
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [...args, needsNode], { encoding: 'utf8', env: cleanEnv({}) })
  t.match(run(), { status: 0, stdout: '', stderr: '' })
  const old = run('--import', OLD('20.0.0'))
  t.equal(old.status, 1)
  t.match(old.stderr, /^error: Mezite needs Node\.js 24 or newer, and this is 20\.0\.0\n/)
  const { scripts = {}, workspaces = [] } = manifestOf(root)
  const starting = Object.entries(scripts).filter(([, command]) => /\bnode /.test(command))
  t.ok(starting.length > 10)
  for (const [name, command] of starting)
    t.match(command, /^node oclif-cli\/packaging\/needs-node\.cjs && /, name)
  for (const file of globSync(['package.json', ...workspaces.map((one) => `${one}/package.json`)], {
    cwd: root,
  })) {
    const { engines } = JSON.parse(readFileSync(join(root, file), 'utf8'))
    t.strictSame(engines, { node: '>=24' }, file)
  }
  t.end()
})

t.test('the first command of a newcomer says nothing about the Node.js of single packages', (t) => {
  const folder = t.testdir()
  const { workspaces } = manifestOf(root)
  const files = ['package.json', 'package-lock.json', '.npmrc']
  for (const file of [
    ...files,
    ...globSync(
      workspaces!.map((each) => `${each}/package.json`),
      { cwd: root },
    ),
  ])
    cpSync(join(root, file), join(folder, file))
  const old = join(folder, 'old.cjs')
  writeFileSync(old, "Object.defineProperty(process, 'version', { value: 'v20.19.0' })\n")
  const install = () => {
    const args = ['ci', '--dry-run', '--offline', '--no-audit', '--no-fund']
    // `npm test` tells its programs the level of `.npmrc`, which a newcomer's first command does not have from there.
    const { npm_config_loglevel: _ofTheRunner, ...env } = cleanEnv({
      HOME: folder,
      NODE_OPTIONS: `--require=${old}`,
    })
    const { status, stderr } = spawnSync('npm', args, { cwd: folder, env, encoding: 'utf8' })
    t.equal(status, 0, stderr)
    return stderr
  }
  t.notMatch(install(), 'EBADENGINE')
  rmSync(join(folder, '.npmrc'))
  t.match(install(), 'EBADENGINE', 'npm itself would')
  t.end()
})
