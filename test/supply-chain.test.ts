// together: quick
/** What this project takes in: exactly what is written down, and nothing that runs while it is installed. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { runtimeProblems } from '../core/base/loader/runtime-check.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Manifest {
  readonly name: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

interface Locked extends Manifest {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly dev?: boolean
  readonly license?: string
  readonly hasInstallScript?: boolean
}

const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && !link,
)
const folders = Object.keys(packages).filter((path) => !path.includes('node_modules/'))
const manifests = folders.map((folder) => [
  folder,
  JSON.parse(read(join(folder, 'package.json'))) as Manifest,
]) as [string, Manifest][]

t.test('P181 every version is exact and every package is known by its hash', (t) => {
  t.ok(installed.length > 300 && manifests.length > 10)
  for (const [folder, { dependencies, devDependencies, optionalDependencies, peerDependencies }] of manifests)
    for (const [name, version] of Object.entries({
      ...dependencies,
      ...devDependencies,
      ...optionalDependencies,
      ...peerDependencies,
    }))
      t.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${folder || 'the root'}: ${name}`)
  const loose = installed.filter(
    ([, { inBundle, integrity = '', version = '', resolved }]) =>
      (!inBundle && !integrity.startsWith('sha512-')) ||
      !/^\d+\.\d+\.\d+/.test(version) ||
      (resolved !== undefined && !/^https:\/\/[^@]+\.tgz$/.test(resolved)),
  )
  t.strictSame(
    loose.map(([path]) => path),
    [],
    'neither git, nor plain http, nor without a hash',
  )
  t.end()
})

t.test('P181 the lock file matches the manifests', (t) => {
  for (const [folder, manifest] of manifests)
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const)
      t.strictSame(packages[folder]?.[kind] ?? {}, manifest[kind] ?? {}, `${folder || 'the root'}: ${kind}`)
  t.end()
})

/** Licenses under which a dependency may be passed on with Mezite. */
const LICENSES = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PSF-2.0',
  'Unlicense',
]

t.test('the license of every dependency permits redistribution', (t) => {
  const permits = (license = '') =>
    license
      .replace(/[()]/g, '')
      .split(' OR ')
      .some((one) => LICENSES.includes(one))
  // npm, under the Artistic License 2.0, comes whole and unchanged with the plugin manager of mezctl.
  const foreign = installed.filter(
    ([path, { dev, license }]) => !dev && !permits(license) && !/\/npm($|\/)/.test(path),
  )
  t.strictSame(
    foreign.map(([path, { license }]) => `${path}: ${license}`),
    [],
  )
  t.end()
})

t.test('P181 P183 no package runs scripts at its installation', (t) => {
  // The package manager yarn, which the command line's plugin manager carries and does not need set up, and protobufjs,
  // which comes with the gRPC that tests use: its script only compares version numbers.
  const scripted = installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)
  t.strictSame(scripted, ['node_modules/protobufjs', 'node_modules/yarn'])
  const ours = manifests.filter(([, { scripts = {} }]) =>
    Object.keys(scripts).some((name) => /^(pre|post)|^(install|prepare|prepack|publish)/.test(name)),
  )
  t.strictSame(ours, [], 'no package of ours has a script for it either')
  t.match(read('.npmrc'), /^ignore-scripts=true$/m)
  t.match(read('.npmrc'), /^save-exact=true$/m)
  t.end()
})

/** Where the bytes of applications and the decisions about them pass: see "One request" in the map of the code. */
const DATA_PATH = [
  ...['kernel', 'wire', 'base/limits', 'base/log', 'base/x509', 'state/audit'].map((part) => `core/${part}`),
  ...['gate/access', 'gate/catalog', 'gate/sessions'].map((part) => `core/${part}`),
  ...['traffic/certificates', 'traffic/http', 'traffic/listener', 'traffic/tunnel'].map(
    (part) => `core/${part}`,
  ),
  'agent',
  ...['http-apps', 'tcp-apps', 'identity-jwt', 'rbac', 'transport-http2'].map((name) => `plugins/${name}`),
]
const IMPORT = /^(?:import|export)\s+(?!type\s)(?:[^'"`;]*?\sfrom\s+)?['"]([^'"./][^'"]*)['"]/gm
const packageOf = (specifier: string) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)![0]

t.test('P184 the data path has at most ten direct dependencies, each with its reason', (t) => {
  const found = new Set<string>()
  for (const folder of DATA_PATH) {
    const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      // Commands run in `mezctl` and `msh`, and no other part of a plugin may import them.
      .filter((file) => !/(^|\/)((node_modules|dist)\/|commands\b)/.test(file))
    t.ok(files.length > 0, folder)
    for (const file of files)
      for (const [, specifier = ''] of read(file).matchAll(IMPORT))
        if (!specifier.startsWith('node:') && !specifier.startsWith('@mezite/'))
          found.add(packageOf(specifier))
  }
  const reasons = [...read('SECURITY.md').matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)]
  t.strictSame(
    [...found].sort(),
    reasons.map(([, name]) => name).sort(),
    'SECURITY.md has a line for each of them',
  )
  for (const [, name = '', why = ''] of reasons) t.ok(why.length > 20, `${name}: ${why}`)
  t.ok(found.size <= 10, [...found].join(' '))
  t.end()
})

t.test(
  'P182 the Node.js that a checkout brings along has no security hole that its own programs warn of',
  (t) => {
    const { optionalDependencies = {} } = JSON.parse(read('package.json')) as Manifest
    const pinned = Object.entries(optionalDependencies).filter(([name]) => name.startsWith('node-'))
    t.ok(pinned.length > 1)
    t.equal(new Set(pinned.map(([, version]) => version)).size, 1, 'the same on every machine')
    const runtime = { now: Date.now(), debuggerUrl: undefined }
    for (const [name, version] of pinned)
      t.strictSame(runtimeProblems({ ...runtime, version }), [], `${name} ${version}`)
    t.end()
  },
)
