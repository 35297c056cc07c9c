// long
/** `npm run plugin-check`: plugins of others against the packed packages, and the page of signed results. */
import { spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pluginRows } from '../../core/base/loader/plugin-rows.ts'
import type { AnyPlugin } from '../../core/index.ts'
import { KINDS } from '../../oclif-cli/create-mezite-plugin/generator.ts'
import { writeIndex } from '../../oclif-cli/packaging/plugin-check.ts'
import { type Envelope, signResult, verifiedResult } from '../../oclif-cli/packaging/signed-result.ts'
import { root, textOf } from '../read-imports.ts'

t.setTimeout(600_000)

const policy = (setup: string) => `import { defineHubPlugin, Type } from '@mezite/core'
export default defineHubPlugin({
  name: 'hours', api: 1, summary: 'Denies access at night', config: Type.Closed({ from: Type.Integer() }),
  setup({ config, clock, tap }) { ${setup} },
})
`
const manifest = (more: object) =>
  JSON.stringify({
    ...{ name: 'mezite-plugin-hours', version: '1.2.0', type: 'module', license: 'MIT' },
    exports: { './hub': './hub.js', './conformance': './conformance.js' },
    peerDependencies: { '@mezite/core': '>=0.1.0' },
    ...more,
  })
const conformance = 'export default { hub: { config: { from: 8 } } }\n'
const folder = t.testdir({
  sound: {
    'package.json': manifest({
      mezite: { status: 'beta', readsStrangers: false, fuzzed: false, rights: ['grants access'] },
    }),
    'hub.js': policy(
      "tap.access.decide((_, vote) => { if (new Date(clock.now()).getHours() < config.from) vote.deny('night') })",
    ),
    'conformance.js': conformance,
  },
  flawed: {
    'package.json': manifest({ version: '1.10.0', mezite: { status: 'stabel', rights: [] } }),
    'hub.js': policy("tap.access.decide(() => { throw new Error('a | b') })"),
    'conformance.js': conformance,
  },
})
const keys = generateKeyPairSync('ed25519')
const at = (...path: readonly string[]) => join(folder, ...path)
writeFileSync(at('key.pem'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
writeFileSync(at('public.pem'), keys.publicKey.export({ type: 'spki', format: 'pem' }))
writeFileSync(
  at('other.pem'),
  generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
)

const check = (name: string) =>
  spawnSync(
    process.execPath,
    [
      ...['--conditions=mezite-source', '--disable-warning=ExperimentalWarning'],
      join(root, 'oclif-cli/packaging/plugin-check.ts'),
      ...[at(name), '--key', at('key.pem'), '--target', at('results')],
    ],
    { encoding: 'utf8', cwd: root, env: { ...process.env, MEZITE_SECRET: 'of this machine' } },
  )

t.test('a sound plugin passes, a flawed one does not, and both results are signed', (t) => {
  const sound = check('sound')
  t.equal(sound.status, 0, sound.stdout + sound.stderr)
  for (const suite of ['package', 'declaration', 'hub', 'policy', 'a real hub'])
    t.match(sound.stdout, new RegExp(`^ok {4}${suite}: `, 'm'))
  t.notMatch(sound.stdout, /^FAIL/m)

  const flawed = check('flawed')
  t.equal(flawed.status, 1, flawed.stderr)
  t.match(flawed.stdout, /^FAIL {2}declaration: .*status stabel$/m)
  t.match(flawed.stdout, /^FAIL {2}policy: /m)
  t.match(flawed.stdout, /^FAIL {2}a real hub: .*does not declare: grants access$/m)

  const file = at('results/mezite-plugin-hours-1.2.0.json')
  const { subject, predicate } = verifiedResult(readFileSync(file, 'utf8'), [keys.publicKey])
  t.equal(subject[0].name, 'pkg:npm/mezite-plugin-hours@1.2.0')
  t.match(subject[0].digest.sha512, /^[0-9a-f]{128}$/)
  t.strictSame(predicate.rights, ['grants access'])
  t.equal(predicate.against.mezite, JSON.parse(textOf('package.json')).version)
  t.end()
})

t.test('the page shows the newest version of each package, and only what a trusted key has signed', (t) => {
  const page = readFileSync(writeIndex(at('results'), [at('other.pem'), at('public.pem')]), 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('| mezite-plugin'))
  t.equal(rows.length, 1)
  t.match(
    rows[0],
    /^\| mezite-plugin-hours \| 1\.10\.0 \| stabel \| not declared \| grants access \| \d+ of \d+ failed: /,
  )
  t.equal(rows[0]!.replaceAll('\\|', '').split('|').length, 10, 'no text of a plugin makes another cell')

  t.throws(
    () => writeIndex(at('results'), [at('other.pem')]),
    /mezite-plugin-hours-1.*no trusted key has signed it/,
  )
  const file = at('results/mezite-plugin-hours-1.2.0.json')
  const text = readFileSync(file, 'utf8')
  const envelope: Envelope = JSON.parse(text)
  const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString())
  const changed = { ...statement, predicate: { ...statement.predicate, version: '9.0.0' } }
  const trusted = [keys.publicKey]
  const payload = Buffer.from(JSON.stringify(changed)).toString('base64')
  t.throws(() => verifiedResult(JSON.stringify({ ...envelope, payload }), trusted), /no trusted key/)
  t.throws(() => verifiedResult(JSON.stringify({ ...envelope, signatures: [] }), trusted), /no trusted key/)
  t.throws(
    () => verifiedResult(JSON.stringify({ ...envelope, payloadType: 'text/plain' }), trusted),
    /no trusted key/,
    'the type is signed as well',
  )
  const key = createPrivateKey(readFileSync(at('key.pem')))
  const other = signResult({ ...statement, predicateType: 'https://example.com/other' }, key)
  t.throws(() => verifiedResult(JSON.stringify(other), [createPublicKey(key)]), /not the result of a check/)
  t.end()
})

t.test('each example declares exactly the rights that its hub half has', async (t) => {
  for (const { example } of Object.values(KINDS)) {
    const { exports = {}, mezite } = JSON.parse(textOf(`examples/${example}/package.json`))
    if (exports['./hub'] === undefined) continue
    const { default: plugin } = (await import(join(root, 'examples', example, 'hub.ts'))) as {
      default: AnyPlugin
    }
    const taps = [...textOf(`examples/${example}/hub.ts`).matchAll(/\btap\.(\w+\.\w+)\(/g)].map(
      ([, hook]) => hook!,
    )
    const row = { name: plugin.name, api: 1, version: null, summary: '', provides: [], taps, startMs: null }
    const loaded = { plugin, key: example, file: '', config: undefined }
    const [{ rights = [] } = {}] = pluginRows([row], [loaded])
    t.strictSame(mezite?.rights, rights, example)
  }
})
