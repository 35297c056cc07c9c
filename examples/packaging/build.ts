/** `npm run build [-- FOLDER…]`: compiles published packages to their `dist`: ES modules, declarations, source maps. */
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, sep } from 'node:path'
import { publishedWorkspaces, root, type Workspace } from './workspaces.ts'

/** The native compiler itself: its launcher would start one more process for each package. */
const compiler = join(root, `node_modules/@typescript/typescript-${process.platform}-${process.arch}/lib/tsc`)
const projects = join(root, 'node_modules/.cache/build')

/**
 * Compiles packages, as many at once as there are processors, each after its dependencies.
 * @param paths folders from the root of the repository; all published packages if empty
 */
export async function build(paths: readonly string[] = []): Promise<void> {
  const chosen = publishedWorkspaces().filter(({ path }) => paths.length === 0 || paths.includes(path))
  const waiting = new Set(chosen)
  const running = new Map<Workspace, Promise<void>>()
  while (waiting.size > 0 || running.size > 0) {
    const unbuilt = [...waiting, ...running.keys()].map(({ manifest }) => manifest.name)
    for (const workspace of waiting) {
      const blocked = unbuilt.some((name) => name in (workspace.manifest.dependencies ?? {}))
      if (blocked || running.size >= availableParallelism()) continue
      waiting.delete(workspace)
      running.set(
        workspace,
        compile(workspace, [...waiting, ...running.keys()]).finally(() => running.delete(workspace)),
      )
    }
    await Promise.race(running.values())
  }
}

async function compile({ path, folder }: Workspace, others: readonly Workspace[]): Promise<void> {
  rmSync(join(folder, 'dist'), { recursive: true, force: true })
  const nested = others.filter((other) => other.path.startsWith(`${path}${sep}`)).map((other) => other.path)
  const files = globSync(`${path}/**/*.ts`, {
    cwd: root,
    exclude: (file) => /(^|\/)(node_modules|dist|fixtures)$/.test(file) || nested.includes(file),
  }).filter((file) => !file.endsWith('.d.ts'))
  if (files.length === 0) return
  mkdirSync(projects, { recursive: true })
  const project = join(projects, `${path.replaceAll(sep, '-')}.json`)
  writeFileSync(
    project,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        // Types of third-party packages name Web Crypto by the names of the DOM.
        lib: ['es2024', 'esnext.array', 'esnext.disposable', 'dom'],
        rootDir: folder,
        outDir: join(folder, 'dist'),
        noEmit: false,
        incremental: false,
        tsBuildInfoFile: null,
        declaration: true,
        sourceMap: true,
        inlineSources: true,
        rewriteRelativeImportExtensions: true,
        // Other packages are read as an author reads them: by their declarations.
        customConditions: [],
      },
      files: files.map((file) => join(root, file)),
      include: [],
    }),
  )
  const child = spawn(compiler, ['-p', project, '--singleThreaded'], { stdio: 'inherit' })
  const code = await new Promise((done, fail) => child.on('error', fail).on('close', done))
  if (code !== 0) throw new Error(`${path} was not compiled`)
}

if (!existsSync(compiler)) throw new Error('the compiler is not installed; run npm ci')
if (import.meta.main) await build(process.argv.slice(2))
