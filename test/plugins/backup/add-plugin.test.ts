// together: programs
/** A package of somebody else: what is shown of it before it is installed, and that exactly this is accepted. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../../core/hub/config/config-loader.ts'
import { PLUGIN_LOCK } from '../../../core/program/index.ts'
import { createTestHub } from '../../../core/testing/index.ts'
import { pluginsCommand } from '../../../plugins/backup/program/plugins.ts'

const half = (
  name: string,
  side = 'Hub',
  body = 'setup() {}',
) => `import { define${side}Plugin } from '@mezite/core'
globalThis.ran = [...(globalThis.ran ?? []), '${name}']
export default define${side}Plugin({ name: '${name}', api: 1, summary: 'Reads', needs: {}, ${body} })
`
const ran = () => (globalThis as { ran?: readonly string[] }).ran ?? []

/** A folder with a configuration, and packages beside it by their folder. */
function site(
  t: Test,
  packages: Readonly<Record<string, object>>,
  more: Readonly<Record<string, string>> = {},
) {
  const folder = t.testdir({
    config: {
      'mezhub.yaml':
        'data_dir: data\nproxy: { listen_addr: 127.0.0.1:0, public_addr: hub.localhost, apps_domain: apps.localhost }\n',
      'package.json': '{"private":true}',
    },
    ...Object.fromEntries(
      Object.entries(packages).map(([name, manifest]) => [
        name,
        {
          'package.json': JSON.stringify({
            ...{ version: '1.2.0', type: 'module', exports: { './hub': './hub.js' } },
            ...{ scripts: { postinstall: 'touch ../ran-a-script' } },
            ...manifest,
          }),
          'hub.js': half(name.replace('@', '')),
          'agent.js': half(name.replace('@', ''), 'Agent'),
          ...more,
        },
      ]),
    ),
  })
  const at = (...path: readonly string[]) => join(folder, ...path)
  const file = at('config/mezhub.yaml')
  let printed = ''
  const add = async (spec: string, ...flags: readonly string[]) => {
    printed = ''
    await pluginsCommand.run(['add', spec, '--config', file, ...flags], (text) => {
      printed += text
    })
    return printed
  }
  const fault = () =>
    loadConfig({ file, env: {} }).then(
      () => null,
      (error: Error & { code?: string }) => error,
    )
  const configure = (plugins: string) =>
    writeFileSync(file, `${readFileSync(file, 'utf8').replace(/\nplugins:.*\n/, '\n')}plugins: ${plugins}\n`)
  return { at, file, add, fault, configure, printed: () => printed }
}
const GEO = {
  name: 'mezite-plugin-geo',
  peerDependencies: { '@mezite/core': '>=0.1.0' },
  mezite: { status: 'beta', readsStrangers: true, fuzzed: false, rights: ['sees bodies'] },
}

t.test(
  'P181 a package runs nothing before it is accepted, and only the files that were shown are accepted',
  async (t) => {
    const { at, add, fault, configure, printed } = site(t, { geo: GEO })
    await t.rejects(add(at('geo')), { code: 'MEZ_USAGE_WRONG', hint: /--yes/ }, 'nobody can be asked here')
    const shown = printed()
    for (const line of [
      /^mezite-plugin-geo 1\.2\.0\n/,
      /^ {2}halves +hub$/m,
      /^ {2}rights +sees bodies \(a hub does not start it with another\)$/m,
      /^ {2}status +beta$/m,
      /^ {2}strangers +.*: yes; fuzzed: no$/m,
      /^ {2}works with +>=0\.1\.0$/m,
      /^ {2}origin +a file of this machine, which nobody has signed$/m,
      /^ {2}brings +no other package$/m,
    ])
      t.match(shown, line)
    t.notOk(existsSync(at('config/node_modules')), 'nothing was installed')
    t.notOk(existsSync(at('config', PLUGIN_LOCK)))

    t.match(
      await add(at('geo'), '--yes'),
      /^new {6}geo 1\.2\.0\nInstalled in [\s\S]*plugins:\n {2}geo: \{\}\n$/m,
    )
    t.strictSame(ran(), [], 'no code of it has run')
    t.notOk(existsSync(at('ran-a-script')) || existsSync(at('config/ran-a-script')))
    configure('{ geo: {} }')
    t.equal(await fault(), null)
    t.strictSame(ran(), ['geo'])
    writeFileSync(at('config/node_modules/mezite-plugin-geo/hub.js'), half('geo', 'Hub', 'setup() { }'))
    t.match(await fault(), { code: 'MEZ_PLUGIN_CHANGED', message: /has changed since it was accepted/ })
  },
)

t.test('P181 a second plugin joins the list, and those before it stay as they were accepted', async (t) => {
  const { at, add, fault, configure } = site(t, { geo: GEO, '@ours': { name: '@ours/hours' } })
  await add(at('geo'), '--yes')
  configure('{ geo: {} }')
  writeFileSync(at('config/node_modules/mezite-plugin-geo/added.js'), '')
  const printed = await add(at('@ours'), '--yes')
  t.match(printed, /^ {2}rights +not declared: the hub gives it any/m)
  t.match(printed, /^new {6}@ours\/hours 1\.2\.0$/m)
  t.notMatch(printed, /changed {2}geo/)
  t.match(printed, /\n {2}'@ours\/hours': \{\}\n$/)
  configure(`{ '@ours/hours': {} }`)
  t.equal(await fault(), null)
  configure(`{ geo: {}, '@ours/hours': {} }`)
  t.match(
    await fault(),
    { code: 'MEZ_PLUGIN_CHANGED', message: /'geo'/ },
    'it does not accept a change along the way',
  )
})

t.test(
  'a package that cannot be a plugin of this version is refused before anything is installed',
  async (t) => {
    const { at, add } = site(t, {
      other: { name: 'left-pad' },
      later: { ...GEO, peerDependencies: { '@mezite/core': '^9.0.0' } },
      empty: { name: 'mezite-plugin-empty', exports: { './hub': './none.js' } },
      standard: { name: '@mezite/plugin-rbac' },
    })
    await t.rejects(add(at('other'), '--yes'), {
      code: 'MEZ_PLUGIN_NOT_FOUND',
      message: /left-pad is not a plugin/,
    })
    await t.rejects(add(at('later'), '--yes'), {
      code: 'MEZ_PLUGIN_API',
      message: /written for @mezite\/core \^9\.0\.0/,
    })
    await t.rejects(add(at('empty'), '--yes'), { code: 'MEZ_PLUGIN_NOT_FOUND', message: /does not exist/ })
    await t.rejects(add(at('standard'), '--yes'), { code: 'MEZ_PLUGIN_NOT_FOUND', message: /standard set/ })
    await t.rejects(add(at('nothing-here.tgz'), '--yes'), { message: /is not a package/ })
    for (const spec of [
      'git+ssh://127.0.0.1/x',
      'http://127.0.0.1:1/x.tgz',
      'github:a/b',
      'a/b',
      'x@npm:y',
      'file:x',
    ])
      await t.rejects(add(spec, '--yes'), { code: 'MEZ_PLUGIN_NOT_FOUND', message: /is not a package/ }, spec)
    t.notOk(existsSync(at('config/node_modules')) || existsSync(at('config', PLUGIN_LOCK)))
  },
)

t.test('a package cannot overwrite what the terminal shows of it', async (t) => {
  const { at, add, printed } = site(t, {
    geo: { ...GEO, mezite: { status: 'stable\u001b[2A\u202e\nstatus' } },
  })
  await t.rejects(add(at('geo')), { code: 'MEZ_USAGE_WRONG' })
  t.match(printed(), /^ {2}status +stable\?\[2A\?\?status$/m)
})

t.test(
  'a plugin with a half for agents alone is accepted, beside the configuration of an agent too',
  async (t) => {
    const { at, add } = site(t, {
      probe: { ...GEO, name: 'mezite-plugin-probe', exports: { './agent': './agent.js' } },
    })
    t.match(await add(at('probe'), '--yes'), /^ {2}halves +agent$/m)
    mkdirSync(at('config/agent'))
    writeFileSync(at('config/agent/mezd.yaml'), 'plugins: { probe: {} }\n')
    await pluginsCommand.run(['accept', '--config', at('config/agent/mezd.yaml'), '--yes'], () => {})
    const listOf = (...path: readonly string[]) =>
      JSON.parse(readFileSync(at('config', ...path, PLUGIN_LOCK), 'utf8'))
    t.strictSame(listOf('agent'), listOf(), 'the list of the hub fits the agent')
  },
)

/** Answers `npm audit signatures`, whose keys come from a server that tests do not reach; everything else is the real npm. */
function answerSignatures(t: Test, answer: string): void {
  const bin = t.testdir({
    npm: `#!/bin/sh
if [ "$1" = audit ]; then printf '%s' '${answer}'; exit 1; fi
PATH="\${PATH#*${delimiter}}" exec npm "$@"
`,
  })
  chmodSync(join(bin, 'npm'), 0o755)
  const { PATH = '' } = process.env
  process.env.PATH = `${bin}${delimiter}${PATH}`
  t.teardown(() => {
    process.env.PATH = PATH
  })
}

t.test('P181 the origin of a package from a registry is what npm finds about its signatures', async (t) => {
  const { originOf } = await import('../../../plugins/backup/program/package-origin.ts')
  const folder = t.testdir({})
  for (const [answer, expected] of [
    [
      '{"invalid":[],"missing":[],"verified":[]}',
      /each package has a valid signature of the registry; no attestation/,
    ],
    [
      '{"invalid":[],"missing":[{"name":"a"}],"verified":[{"name":"b","attestationBundles":[{}]}]}',
      /no signature of the registry: a; attested by its build: b$/,
    ],
    ['{"error":{"code":"ENOTFOUND"}}', /cannot check signatures here/],
    ['no JSON', /cannot check signatures here/],
  ] as const)
    await t.test(answer, async (t) => {
      answerSignatures(t, answer)
      t.match(await originOf(folder), expected)
    })
  await t.test('one that is wrong', async (t) => {
    answerSignatures(t, '{"invalid":[{"name":"a","version":"1.0.0"}],"missing":[]}')
    await t.rejects(originOf(folder), { code: 'MEZ_PLUGIN_CHANGED', message: /of a@1\.0\.0 is wrong/ })
  })
})

t.test(
  'P181 a hub does not start with a plugin that has a right beside those that its package declares',
  async (t) => {
    const { at } = site(t, { geo: GEO })
    const hubFile = `import { credentials, defineHubPlugin } from '@mezite/core'
export default defineHubPlugin({ name: 'geo', api: 1, summary: 'Reads', provides: { credentials }, setup() {} })
`
    writeFileSync(at('geo/hub.js'), hubFile)
    const config = { plugins: { [at('geo')]: {} } }
    await t.rejects(createTestHub({ config }), {
      code: 'MEZ_PLUGIN_INVALID',
      message: /'geo' .*has rights that its package\.json does not declare: grants access$/,
    })
    const declare = (rights: unknown) =>
      writeFileSync(
        at('geo/package.json'),
        readFileSync(at('geo/package.json'), 'utf8').replace(
          /"rights":[^}]+\}/,
          `"rights":${JSON.stringify(rights)}}`,
        ),
      )
    declare('all')
    await t.rejects(
      createTestHub({ config }),
      { code: 'MEZ_PLUGIN_INVALID' },
      'a declaration that is not a list',
    )
    declare(['grants access'])
    const hub = await createTestHub({ config })
    t.teardown(() => hub.stop())
    const { plugins: rows } = await hub.api<{ plugins: { name: string }[] }>('GET', '/status?plugins=1')
    const rowOf = (name: string) => rows.find((row) => row.name === name)
    const geo = { status: 'beta', reads_strangers: true, fuzzed: false, rights: ['grants access'] }
    t.match(rowOf('geo'), geo)
    t.match(rowOf('rbac'), { status: 'stable', reads_strangers: false, fuzzed: false })
  },
)
