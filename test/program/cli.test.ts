// together: hubs
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { standardPlugins } from '../../core/hub/config/standard-plugins.ts'
import { runCli, type StartHub } from '../../core/program/cli.ts'
import { configSchema } from '../../core/program/config-schema.ts'

const OFFICE_HOURS = join(import.meta.dirname, '../../examples/office-hours')

async function run(args: readonly string[], start: StartHub = async () => {}) {
  let out = ''
  let err = ''
  const code = await runCli({
    args,
    start,
    print: (text) => {
      out += text
    },
    printToStderr: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

const at = (value: object, ...path: readonly string[]): object =>
  path.reduce((inner, key) => (inner as Record<string, object>)[key]!, value)

t.test('help and version print their text', async (t) => {
  t.match(await run(['--version']), { code: 0, out: /^mezhub \d+\.\d+\.\d+\n$/, err: '' })
  t.match(await run(['--help']), { code: 0, out: /^Usage: mezhub <command>/ })
  t.match(await run(['start', '--help']), { code: 0, out: /^Usage: mezhub start/ })
  t.match(await run(['config', 'check', '-h']), { code: 0, out: /^Usage: mezhub config check/ })
})

t.test('wrong usage exits 2 with a next step', async (t) => {
  for (const args of [
    ['--bad'],
    ['nothing'],
    ['start'],
    ['config'],
    ['config', 'check'],
    ['start', '--config'],
  ]) {
    t.match(
      await run(args),
      { code: 2, out: '', err: /^error: .+ \(MEZ_USAGE_WRONG\)\nRun the command with --help/ },
      args.join(' '),
    )
  }
  t.match(await run(['dev']), { code: 2, err: /mezhub dev needs --plugin PATH/ })
  t.match(await run(['dev', '--plugin', '.', '--port', '0']), { code: 2, err: /--port 0/ })
  t.match(await run(['dev', '--plugin', join(t.testdir(), 'none')]), { code: 1, err: /MEZ_PLUGIN_NOT_FOUND/ })
  process.env.NODE_ENV = 'production'
  t.match(await run(['dev', '--plugin', '.']), { code: 2, err: /Use mezhub start in production/ })
  delete process.env.NODE_ENV
  t.match((await run(['config'])).err, 'mezhub config is not complete: config check or config schema')
  t.match((await run(['config', 'check', 'a.yaml'])).err, /does not take 'a\.yaml'; .* --config FILE/)
})

t.test('faults of the configuration exit with 1, and start passes on the loaded one', async (t) => {
  const file = join(t.testdir(), 'mezhub.yaml')
  const off = standardPlugins.map((name) => `${name}: false`).join(', ')
  writeFileSync(
    file,
    `proxy: { listen_addr: "127.0.0.1:0", public_addr: a.localhost }\nplugins: { ${off} }\n`,
  )
  t.match(await run(['config', 'check', '--config', file]), {
    code: 0,
    out: /is valid; .*0 plugins/,
    err: /^warning: /,
  })
  let started = ''
  const start: StartHub = async ({ config }) => {
    started = config.cluster_name
  }
  t.match(await run(['start', '--config', file], start), { code: 0, err: '' })
  t.equal(started, 'a.localhost')
  const failed = await run(['start', '--config', file], async () =>
    Promise.reject(new Error('port is taken')),
  )
  t.match(failed, { code: 1, err: 'error: port is taken\n' })
  writeFileSync(file, 'prxy: {}\n')
  t.match(await run(['config', 'check', '--config', file]), {
    code: 1,
    err: / \(MEZ_CONFIG_INVALID\)\n.*mezhub\.yaml:1: prxy: unknown key; did you mean 'proxy'\?/s,
  })
})

t.test('the schema includes the slices of plugins', async (t) => {
  const schema = await configSchema({ standard: [], plugins: { [OFFICE_HOURS]: {} } })
  t.match(JSON.parse(JSON.stringify(schema)), {
    title: 'mezhub.yaml',
    additionalProperties: false,
    required: ['proxy'],
    properties: {
      shutdown_grace: { default: '25s' },
      plugins: {
        properties: { [OFFICE_HOURS]: { anyOf: [{ required: ['from', 'to'] }, { const: false }] } },
      },
    },
  })
  const limited = await configSchema({ standard: ['http-apps'] })
  const [slice] = at(
    limited,
    'properties',
    'plugins',
    'properties',
    'http-apps',
    'anyOf',
  ) as unknown as object[]
  t.notOk(Object.hasOwn(slice!, 'required'), 'what has a default may be left out')
  t.match(at(limited, 'properties', 'proxy', 'properties', 'limits', 'properties'), {
    connections_per_address: { default: 2_000, description: /./ },
    header_bytes: { default: 32_768, description: /in bytes/ },
    handshake_timeout: { default: '10s' },
  })
})
