// together: hubs
/** Configurations and command lines in the pages, against the schemas and the commands that the programs check. */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { agentSchema } from '../../agent/agent-schema.ts'
import { hubSchema } from '../../core/hub/config/hub-schema.ts'
import { systemClock } from '../../core/kernel/clock.ts'
import { checkConfig, checkPluginConfig } from '../../core/kernel/config-check.ts'
import type { AnyPlugin } from '../../core/kernel/plugin.ts'
import { developmentCertificate, developmentFiles } from '../../core/program/parts/development-certificate.ts'
import verdicts from '../../plugins/verdicts/hub.ts'
import { root, textOf } from '../read-imports.ts'
import { faultOf } from './command-lines.ts'
import { blocksOf, inlineCode, pageTexts } from './page-texts.ts'

type Mapping = Record<string, unknown>

/** First keys of files of other programs, and whose they are. */
const OF_OTHERS: Readonly<Record<string, string>> = {
  permissions: 'GitHub Actions; the action is that of `test/examples/ci-login.test.ts`',
  scrape_configs: 'Prometheus',
  sources: 'Vector',
  spec: 'an app of a kind or with a policy of an example, whose own test registers it',
}

const pages = pageTexts()

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/**
 * mezctl reads secrets from files and variables, and sends values. A page leaves out the numbers of a key, and has domains of its own,
 * without the port of the test's hub.
 */
const withValues = (value: unknown, port: number): unknown => {
  if (typeof value === 'string') {
    const here = value.replaceAll('apps.example.com', 'apps.mezite.localhost')
    return here.startsWith('https://*.') ? `${here}:${port}` : here
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one) => withValues(one, port))
  const keys = Object.keys(value)
  const [only = ''] = keys.length === 1 ? keys : []
  if (/^(?:file|env)$/.test(only) && typeof (value as Mapping)[only] === 'string') return { value: 'secret' }
  if ('kty' in value) return publicKey.export({ format: 'jwk' })
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withValues(one, port)]))
}

async function faultsOfHub(written: Mapping): Promise<readonly object[]> {
  const { plugins = {}, ...rest } = written as { plugins?: Mapping; proxy?: Mapping }
  const whole = { ...rest, proxy: { public_addr: 'mezite.example.com', ...rest.proxy } }
  const found = [...checkConfig(hubSchema, whole).problems]
  for (const [name, slice] of Object.entries(plugins)) {
    const file = join(root, 'plugins', name, 'hub.ts')
    if (slice === false || !existsSync(file)) continue
    const { default: plugin } = (await import(file)) as { default: AnyPlugin }
    found.push(...checkPluginConfig(plugin, slice).problems)
  }
  // The files of an example exist on the machine of the reader only.
  return found.filter(({ message }) => !message.startsWith('the file cannot be read: ENOENT'))
}

t.test('the hub, the agent or mezctl accepts every YAML in a page', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-page-examples-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const names = ['hub.mezite.localhost', '*.apps.mezite.localhost', '*.preview.apps.mezite.localhost']
  await developmentCertificate(dir, names, systemClock)
  const keypair = { cert_file: join(dir, developmentFiles.cert), key_file: join(dir, developmentFiles.key) }
  process.env.MEZITE_TEST_PROXY_SECRET = 'e'.repeat(32)
  const edge = { kind: 'nginx', secret: { env: 'MEZITE_TEST_PROXY_SECRET' } }
  const hub = await createTestHub({
    plugins: [{ plugin: verdicts, config: { proxies: { edge } } }],
    config: { proxy: { https_keypair: keypair } },
  })
  t.teardown(() => hub.stop())
  const blocks = pages
    .flatMap(({ name, text }) => blocksOf(name, text))
    .filter((one) => one.language === 'yaml')
  t.ok(blocks.length > 90, `${blocks.length} blocks`)
  const used = new Set<string>()
  const put = async (
    path: string,
    kind: string,
    { labels, description, ...spec }: Mapping,
    title: string,
  ) => {
    // A folder of an agent has labels and description beside the keys of `spec`.
    const beside = kind === 'app' ? { labels, description } : {}
    const own = kind === 'app' ? spec : { ...spec, labels, description }
    const metadata = { name: 'example', ...beside }
    const body = { kind, version: 'v1', metadata, spec: withValues(own, hub.ports.public) }
    await t.resolves(hub.api('PUT', `/${path}/example`, body), title)
  }
  for (const { page, text } of blocks) {
    for (const parsed of parseAllDocuments(text)) {
      const value = (parsed.toJS() ?? {}) as Mapping
      const [first = ''] = Object.keys(value)
      const title = `${page}: ${text.slice(0, 60)}`
      const { kind, spec } = value as { kind?: string; spec?: Mapping }
      if (kind === 'app' || 'uri' in value) await put('apps', 'app', spec ?? value, title)
      else if (kind === 'oidc' || 'issuer_url' in value) await put('connectors', 'oidc', spec ?? value, title)
      else if (kind === 'role' || kind === 'bot') await put(`${kind}s`, kind, spec ?? {}, title)
      else if (kind === 'app_source') await put('app-sources', kind, spec ?? {}, title)
      else if (first in agentSchema.properties && ('proxy_addr' in value || !(first in hubSchema.properties)))
        t.strictSame(
          checkConfig(agentSchema, { proxy_addr: 'hub.example.com', ...value }).problems,
          [],
          title,
        )
      else if (first in hubSchema.properties) t.strictSame(await faultsOfHub(value), [], title)
      else if (first === 'hub') {
        const { hub: chart } = value as { hub: { config: string } }
        const known = parse(textOf('examples/kubernetes/values.yaml')).hub as Mapping
        for (const key of Object.keys(chart)) t.ok(key in known, `${title}: ${key}`)
        t.strictSame(await faultsOfHub(parse(chart.config)), [], title)
      } else {
        t.ok(first in OF_OTHERS, `${title}: nothing reads ${first}`)
        used.add(first)
      }
    }
  }
  t.strictSame([...used].sort(), Object.keys(OF_OTHERS))
})

t.test('every command line in a page names a command and flags that exist', async (t) => {
  let count = 0
  for (const { name, text } of pages.filter((one) => !one.name.startsWith('changes/'))) {
    const shell = blocksOf(name, text).filter(({ language }) =>
      ['', 'sh', 'bash', 'console', 'text'].includes(language),
    )
    const lines = shell.flatMap((one) => one.text.replaceAll(/\\\n\s*/g, '').split(/\n| && |; /))
    for (const line of [...inlineCode(text), ...lines].map((one) => one.trim())) {
      if (!/^(?:mezctl|msh|mezhub|mezd) [a-z-]/.test(line)) continue
      count++
      const fault = await faultOf(line)
      if (fault !== null) t.fail(`${name}: ${line}: ${fault}`)
    }
  }
  t.ok(count > 400, `${count} command lines`)
})

t.test('the checks find a wrong key, command or flag', async (t) => {
  t.not((await faultsOfHub({ proxy: { publicaddr: 'x' } })).length, 0)
  t.not((await faultsOfHub({ plugins: { docs: { open: true } } })).length, 0)
  for (const line of ['mezctl apps registr', 'mezctl apps ls --colour', 'mezd run', 'mezhub start --port 1'])
    t.type(await faultOf(line), 'string', line)
  t.equal(await faultOf('mezctl apps register --name x --uri http://a'), null)
})
