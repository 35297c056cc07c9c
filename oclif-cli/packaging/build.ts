/**
 * `npm run build [-- FOLDER…]`: compiles published packages to their `dist`: ES modules, declarations, source maps. What
 * has not changed since the last build is left as it is.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { publishedWorkspaces, root, type Workspace } from './workspaces.ts'

/** The native compiler itself: its launcher would start one more process. */
const compiler = join(root, `node_modules/@typescript/typescript-${process.platform}-${process.arch}/lib/tsc`)
const cache = join(root, 'node_modules/.cache/build')
/** What decides how a package is compiled, whatever its sources are. */
const TOOLS = ['tsconfig.json', 'node_modules/.package-lock.json', relative(root, import.meta.filename)]
/** Folders with files that are not part of a package: what it installs, what was built, and what only a checkout reads. */
const NOT_OF_PACKAGE = /(^|\/)(node_modules|dist|fixtures|generator)$/
/** Files that the build of a package reads outside of its folder: pages wherever they are written, and examples. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  core: ['oclif-cli/packaging/bundles.ts'],
  'core/mezhub': ['oclif-cli/packaging/empty-database.ts'],
  'oclif-cli/create-mezite-plugin': ['examples/*/*.{ts,yaml,json}'],
  'plugins/docs': ['*.md', '*/README.md', '*/*/README.md', 'examples/operations/*.md', 'core/reference.md'],
}

/** Builds these packages, by their folders from the root of the repository, and those that they depend on; all if none is given. */
export async function build(paths: readonly string[] = []): Promise<void> {
  const all = publishedWorkspaces()
  const wanted = withDependencies(paths, all)
  const keys = keysOf(all)
  let stale = all.filter((one) => wanted.has(one) && !isBuilt(one, keys.get(one)!))
  while (stale.length > 0) {
    const waiting = new Set(stale.map(({ manifest }) => manifest.name))
    const ready = stale.filter((one) => !dependenciesOf(one).some((name) => waiting.has(name)))
    // One program for all of them: the compiler checks their dependencies and the platform's types once.
    await compile(ready, all)
    for (const { folder, manifest } of ready)
      if (manifest.scripts?.build) await run('npm', ['run', '--silent', 'build'], folder)
    for (const one of ready) {
      makeReadable(join(one.folder, 'dist'))
      writeFileSync(stampOf(one), JSON.stringify(stampFor(one, keys.get(one)!)))
    }
    stale = stale.filter((one) => !ready.includes(one))
  }
}

const dependenciesOf = ({ manifest }: Workspace): readonly string[] =>
  Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })

function withDependencies(paths: readonly string[], all: readonly Workspace[]): ReadonlySet<Workspace> {
  const wanted = new Set<Workspace>()
  const add = (workspace: Workspace) => {
    if (wanted.has(workspace)) return
    wanted.add(workspace)
    for (const name of dependenciesOf(workspace))
      for (const other of all) if (other.manifest.name === name) add(other)
  }
  for (const workspace of all) if (paths.length === 0 || paths.includes(workspace.path)) add(workspace)
  return wanted
}

/** A hash for each package of everything that its `dist` is made of. */
export function keysOf(all: readonly Workspace[]): ReadonlyMap<Workspace, string> {
  const tools = createHash('sha256').update(process.version)
  for (const file of TOOLS) tools.update(readFileSync(join(root, file)))
  const common = tools.digest('hex')
  const keys = new Map<Workspace, string>()
  for (const workspace of all) {
    const { path, folder } = workspace
    const hash = createHash('sha256').update(common)
    for (const name of dependenciesOf(workspace))
      for (const other of all) if (other.manifest.name === name) hash.update(keys.get(other)!)
    const nested = all.filter((other) => other.path.startsWith(`${path}${sep}`)).map((other) => other.path)
    const own = globSync('**/*', {
      cwd: folder,
      exclude: (file) => NOT_OF_PACKAGE.test(file) || nested.includes(join(path, file)),
    }).map((file) => join(folder, file))
    const others = globSync(ELSEWHERE[path] ?? [], { cwd: root }).map((file) => join(root, file))
    for (const file of [...own, ...others].sort())
      if (statSync(file).isFile())
        hash
          .update(`${relative(folder, file)}\n`)
          .update(readFileSync(file))
          .update('\n')
    keys.set(workspace, hash.digest('hex'))
  }
  return keys
}

/** What was built, from what. */
interface Stamp {
  readonly key: string
  /** Names and sizes of the files in `dist`. */
  readonly files: string
}

const stampOf = ({ path }: Workspace) => join(cache, `${path.replaceAll(sep, '-')}.stamp`)

function stampFor({ folder }: Workspace, key: string): Stamp {
  const dist = join(folder, 'dist')
  const hash = createHash('sha256')
  for (const file of globSync('**/*', { cwd: dist }).sort()) {
    const found = statSync(join(dist, file))
    if (found.isFile()) hash.update(`${file} ${found.size}\n`)
  }
  return { key, files: hash.digest('hex') }
}

/** Whether the `dist` of a package is what the last build made of these sources. */
export function isBuilt(workspace: Workspace, key: string): boolean {
  const stamp = existsSync(stampOf(workspace)) ? readFileSync(stampOf(workspace), 'utf8') : ''
  return stamp === JSON.stringify(stampFor(workspace, key))
}

async function compile(packages: readonly Workspace[], all: readonly Workspace[]): Promise<void> {
  const sources = packages.map((workspace) => sourcesOf(workspace, all))
  mkdirSync(cache, { recursive: true })
  const output = join(cache, `output-${process.pid}`)
  const project = `${output}.json`
  const compilerOptions = {
    ...{ rootDir: root, outDir: output, rewriteRelativeImportExtensions: true },
    ...{ noEmit: false, incremental: false, tsBuildInfoFile: null },
    ...{ declaration: true, sourceMap: true, inlineSources: true },
    // Types of third-party packages name Web Crypto by the names of the DOM.
    lib: ['es2024', 'esnext.array', 'esnext.disposable', 'dom'],
    // Other packages are read as an author reads them: by their declarations.
    customConditions: [],
  }
  const files = sources.flat().map((file) => join(root, file))
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }),
  )
  try {
    if (files.length > 0) await run(compiler, ['-p', project, '--singleThreaded'], root)
    for (const { path, folder } of packages) {
      const [from, to] = [join(output, path), join(folder, 'dist')]
      rmSync(to, { recursive: true, force: true })
      if (!existsSync(from)) continue
      pointMapsTo(folder, from)
      renameSync(from, to)
      // Modules read the files for browsers beside them.
      for (const file of globSync('*/**/browser/*', {
        cwd: folder,
        exclude: ['dist/**', '**/node_modules/**'],
      }))
        cpSync(join(folder, file), join(to, file))
    }
  } finally {
    rmSync(output, { recursive: true, force: true })
    rmSync(project)
  }
}

/** Source maps name their source from where `dist` will be, whatever folder the compiler wrote to. */
function pointMapsTo(folder: string, output: string): void {
  for (const file of globSync('**/*.map', { cwd: output })) {
    const map = JSON.parse(readFileSync(join(output, file), 'utf8'))
    const source = join(dirname(file), `${basename(file, '.js.map')}.ts`)
    map.sources = [relative(join(folder, 'dist', dirname(file)), join(folder, source))]
    writeFileSync(join(output, file), JSON.stringify(map))
  }
}

/** A service reads what somebody else has built, whatever that user's `umask` is. */
function makeReadable(path: string): void {
  const { mode } = statSync(path)
  const readable = statSync(path).isDirectory() ? mode | 0o055 : mode | 0o044
  if (readable !== mode) chmodSync(path, readable)
  if (statSync(path).isDirectory()) for (const name of readdirSync(path)) makeReadable(join(path, name))
}

/** The modules of a package that are compiled, from the root of the repository. */
function sourcesOf({ path }: Workspace, all: readonly Workspace[]): readonly string[] {
  const nested = all.filter((other) => other.path.startsWith(`${path}${sep}`)).map((other) => other.path)
  return globSync(`${path}/**/*.ts`, {
    cwd: root,
    exclude: (file) =>
      NOT_OF_PACKAGE.test(file) ||
      nested.includes(file) ||
      // Scripts for browsers, which the build of the package itself compiles.
      existsSync(join(root, file, 'tsconfig.json')),
  }).filter((file) => !file.endsWith('.d.ts') && file !== join(path, 'build.ts'))
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: 'inherit' })
  const code = await new Promise((done, fail) => child.on('error', fail).on('close', done))
  if (code !== 0) throw new Error(`failed: ${command} ${args.join(' ')}`)
}

if (import.meta.main) await build(process.argv.slice(2))
