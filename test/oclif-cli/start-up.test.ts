// together: msh
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { MSH, runMezctl } from './run-program.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-start-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** Starts msh with that home; gives what the cache below it holds, null when it is not there. */
async function startAt(home: string, env: Readonly<Record<string, string>> = {}) {
  const done = await runMezctl(['status'], { HOME: home, NODE_COMPILE_CACHE: '', ...env }, '', MSH)
  t.match(done, { code: 1, out: '', err: /^error: not signed in \(MEZ_NOT_LOGGED_IN\)/ }, home)
  const cache = env.XDG_CACHE_HOME ?? join(home, '.cache')
  return existsSync(join(cache, 'mezite')) ? readdirSync(join(cache, 'mezite')) : null
}
const home = (name: string) => {
  mkdirSync(join(dir, name))
  return join(dir, name)
}

t.test('compiled code is cached for the next start, for this user only', async (t) => {
  const own = home('own')
  t.equal((await startAt(own))?.length, 1)
  t.equal(statSync(join(own, '.cache')).mode & 0o777, 0o700)
  t.equal(statSync(join(own, '.cache', 'mezite')).mode & 0o777, 0o700)
  const elsewhere = home('elsewhere')
  t.equal((await startAt(home('other'), { XDG_CACHE_HOME: elsewhere }))?.length, 1)
  t.notOk(existsSync(join(dir, 'other', '.cache')))
})

t.test('a cache that others can write to is not used, because its code is run', async (t) => {
  const open = home('open')
  for (const mode of [0o720, 0o702]) {
    mkdirSync(join(open, '.cache', 'mezite'), { recursive: true })
    chmodSync(join(open, '.cache', 'mezite'), mode)
    t.strictSame(await startAt(open), [], mode.toString(8))
  }
  chmodSync(join(open, '.cache', 'mezite'), 0o700)
  chmodSync(join(open, '.cache'), 0o777)
  t.strictSame(await startAt(open), [], 'whoever can rename it can replace it')
  chmodSync(join(open, '.cache'), 0o700)
  if (process.getuid?.() !== 0) return
  chownSync(join(open, '.cache', 'mezite'), 65_534, 65_534)
  t.strictSame(await startAt(open), [], 'somebody else’s')
})

t.test('nothing is cached without a home, or when it is turned off', async (t) => {
  t.equal(await startAt(join(dir, 'missing')), null)
  t.notOk(existsSync(join(dir, 'missing')))
  t.equal(await startAt(home('told'), { NODE_DISABLE_COMPILE_CACHE: '1' }), null)
})

t.test('a command does not load modules of other commands', async (t) => {
  const report = `import module from 'node:module'
process.on('exit', () => {
  const loaded = [...Object.keys(module._cache), ...process.moduleLoadList]
  for (const name of ['oclif/core/lib/index.js', 'semver/', 'NativeModule http2'])
    if (loaded.some((each) => each.includes(name))) process.stderr.write('loaded ' + name)
})`
  const env = {
    HOME: home('lean'),
    // Without the bundles of the tests, in which these are no modules of their own.
    NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(report)}"`,
  }
  const listed = await runMezctl(['app', 'ls'], env, '', MSH)
  t.match(listed, { code: 1, err: /MEZ_NOT_LOGGED_IN/ })
  t.notMatch(listed.err, /loaded/, 'msh')
  const helped = await runMezctl(['apps', 'ls', '--help'], env)
  t.match(helped, { code: 0, err: '' }, 'mezctl')
})
