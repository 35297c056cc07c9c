/** `npm run build [-- FOLDER…]`: compiles published packages to their `dist`: ES modules, declarations, source maps. */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, sep } from 'node:path'
import { publishedWorkspaces, root, type Workspace } from './workspaces.ts'

/** The native compiler itself: its launcher would start one more process for each package. */
const compiler = join(root, `node_modules/@typescript/typescript-${process.platform}-${process.arch}/lib/tsc`)
const projects = join(root, 'node_modules/.cache/build')

export interface BuildOptions {
  /** Folders of packages, from the root of the repository. All published packages if empty. */
  readonly paths?: readonly string[]
  /** Where a package is compiled to. Default: its `dist`. */
  readonly outputOf?: (workspace: Workspace) => string
  /** Emits modules without checks, declarations and maps, which takes a tenth of the time. */
  readonly modulesOnly?: boolean
}

const DECLARED = {
  declaration: true,
  sourceMap: true,
  inlineSources: true,
  // Types of third-party packages name Web Crypto by the names of the DOM.
  lib: ['es2024', 'esnext.array', 'esnext.disposable', 'dom'],
  // Other packages are read as an author reads them: by their declarations.
  customConditions: [],
}
const MODULES_ONLY = { noCheck: true, noResolve: true, lib: ['es5'], types: [] }

/** Compiles packages, as many at once as there are processors, each after its dependencies. */
export async function build(options: BuildOptions = {}): Promise<void> {
  const { paths = [] } = options
  const all = publishedWorkspaces()
  const waiting = new Set(all.filter(({ path }) => paths.length === 0 || paths.includes(path)))
  const running = new Map<Workspace, Promise<void>>()
  while (waiting.size > 0 || running.size > 0) {
    const unbuilt = [...waiting, ...running.keys()].map(({ manifest }) => manifest.name)
    for (const workspace of waiting) {
      const { dependencies, peerDependencies } = workspace.manifest
      const blocked = unbuilt.some((name) => name in { ...dependencies, ...peerDependencies })
      if ((blocked && !options.modulesOnly) || running.size >= availableParallelism()) continue
      waiting.delete(workspace)
      const done = compile(workspace, all, options).finally(() => running.delete(workspace))
      running.set(workspace, done)
    }
    await Promise.race(running.values())
  }
}

async function compile(
  workspace: Workspace,
  all: readonly Workspace[],
  { outputOf, modulesOnly = false }: BuildOptions,
): Promise<void> {
  const { folder, manifest } = workspace
  const output = outputOf?.(workspace) ?? join(folder, 'dist')
  rmSync(output, { recursive: true, force: true })
  const files = sourcesOf(workspace, all)
  if (files.length > 0) await compileModules(workspace, files, output, modulesOnly)
  if (!modulesOnly && manifest.scripts?.build) await run('npm', ['run', '--silent', 'build'], folder)
}

async function compileModules(
  { path, folder }: Workspace,
  files: readonly string[],
  output: string,
  modulesOnly: boolean,
): Promise<void> {
  mkdirSync(projects, { recursive: true })
  const project = join(projects, `${path.replaceAll(sep, '-')}${modulesOnly ? '-modules' : ''}.json`)
  const compilerOptions = {
    ...{ rootDir: folder, outDir: output, rewriteRelativeImportExtensions: true },
    ...{ noEmit: false, incremental: false, tsBuildInfoFile: null },
    ...(modulesOnly ? MODULES_ONLY : DECLARED),
  }
  writeFileSync(
    project,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions,
      files: files.map((file) => join(root, file)),
      include: [],
    }),
  )
  await run(compiler, ['-p', project, '--singleThreaded'], root)
  // Modules read the files for browsers beside them.
  for (const file of globSync('*/**/browser/*', { cwd: folder, exclude: ['dist/**', '**/node_modules/**'] }))
    cpSync(join(folder, file), join(output, file))
}

/** The modules of a package that are compiled, from the root of the repository. */
function sourcesOf({ path }: Workspace, all: readonly Workspace[]): readonly string[] {
  const nested = all.filter((other) => other.path.startsWith(`${path}${sep}`)).map((other) => other.path)
  return globSync(`${path}/**/*.ts`, {
    cwd: root,
    exclude: (file) =>
      /(^|\/)(node_modules|dist|fixtures|templates)$/.test(file) ||
      nested.includes(file) ||
      // Scripts for browsers, which the build of the package itself compiles.
      existsSync(join(root, file, 'tsconfig.json')),
  }).filter((file) => !file.endsWith('.d.ts') && file !== join(path, 'build.ts'))
}

/** Throws unless every module of the package is in the folder `built`, compiled after its last change. */
export function requireFreshBuild(
  workspace: Workspace,
  all: readonly Workspace[],
  built: string | undefined,
): void {
  const { path, manifest } = workspace
  if (built === undefined && manifest.files?.includes('dist'))
    throw new Error(`${manifest.name} has not been built; run npm run build`)
  for (const source of sourcesOf(workspace, all)) {
    const compiled = join(built ?? '', `${relative(path, source).slice(0, -'.ts'.length)}.js`)
    const builtAt = (built && statSync(compiled, { throwIfNoEntry: false })?.mtimeMs) || 0
    if (builtAt < statSync(join(root, source)).mtimeMs)
      throw new Error(`${manifest.name}: ${source} has changed since the last build; run npm run build`)
  }
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: 'inherit' })
  const code = await new Promise((done, fail) => child.on('error', fail).on('close', done))
  if (code !== 0) throw new Error(`failed: ${command} ${args.join(' ')}`)
}

if (import.meta.main) await build({ paths: process.argv.slice(2) })
