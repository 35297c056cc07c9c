/**
 * Joins the compiled modules of a package into few files, because every module costs a start some of its time: Node.js looks for it,
 * reads it and links it. A hub would load about 800 of the project's modules.
 */
import { chmodSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { type OutputChunk, type Plugin, rolldown } from 'rolldown'
import type { Manifest } from './workspaces.ts'

/** Stands for the way from a written file to `dist`, until it is known in which file a module is. */
const TO_DIST = '__TO_DIST__'
/** They stay as they are: a program that has a package only for its commands brings no other files of it. */
const OF_COMMANDS = /^commands(?:\.js$|\/)/
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+\.js)['"]/g

/**
 * Rewrites `dist` of a staged package. What others load stays where it is: exports of the package, and what no module of it
 * imports, such as programs and threads. The other modules are in files that these share, and their own are removed.
 * Declarations stay. A module reads the files beside it from where it was.
 */
export async function joinModules(folder: string, { exports = {} }: Manifest): Promise<void> {
  const dist = join(folder, 'dist')
  // A file that the compiler wrote has declarations: scripts for browsers and libraries have none, and stay as they are.
  const modules = globSync('**/*.js', { cwd: dist })
    .filter((file) => existsSync(join(dist, file.replace(/\.js$/, '.d.ts'))) && !OF_COMMANDS.test(file))
    .sort()
  const exported = new Set(
    [...JSON.stringify(exports).matchAll(/"\.\/dist\/([^"]+\.js)"/g)].map(([, file = '']) => file),
  )
  const entries = entriesOf(dist, modules, exported)
  if (entries.length === modules.length) return
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map((file) => [file.replace(/\.js$/, ''), join(dist, file)])),
    cwd: folder,
    platform: 'node',
    tsconfig: false,
    transform: { target: 'esnext' },
    treeshake: false,
    // Parts of the bundler that its output needs become part of the file.
    external: (id) => !/^[./\0]|^@oxc-project\//.test(id),
    plugins: [asCompiled(dist)],
  })
  const { output } = await bundle.generate({
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'shared-[hash].js',
  })
  await bundle.close()
  const chunks = output.filter((one) => one.type === 'chunk')
  refuseImportsOfPrograms(chunks, exported)
  for (const file of modules)
    for (const ending of ['', '.map']) rmSync(join(dist, file + ending), { force: true })
  for (const one of output) {
    const path = join(dist, one.fileName)
    writeFileSync(path, one.type === 'chunk' ? inPlace(one) : one.source)
    // Whatever the mask of whoever makes the packages is.
    chmodSync(path, 0o644)
  }
}

function entriesOf(
  dist: string,
  modules: readonly string[],
  exported: ReadonlySet<string>,
): readonly string[] {
  const imported = new Set<string>()
  for (const file of modules) {
    const text = readFileSync(join(dist, file), 'utf8')
    for (const [, to = ''] of text.matchAll(IMPORT))
      imported.add(relative(dist, resolve(dist, dirname(file), to)))
  }
  return modules.filter((file) => exported.has(file) || !imported.has(file))
}

/** Reads modules with their source maps, and lets each know its own place. */
const asCompiled = (dist: string): Plugin => ({
  name: 'as-compiled',
  load(id) {
    if (!existsSync(`${id}.map`)) return null
    const file = `${TO_DIST}/${relative(dist, id)}`
    const path = (at: string) => `process.getBuiltinModule('node:path').join(import.meta.dirname, '${at}')`
    const code = readFileSync(id, 'utf8')
      .replaceAll('import.meta.url', `new URL('${file}', import.meta.url).href`)
      .replaceAll('import.meta.dirname', path(dirname(file)))
      .replaceAll('import.meta.filename', path(file))
    return { code, map: readFileSync(`${id}.map`, 'utf8') }
  },
})

const inPlace = ({ code, fileName }: OutputChunk): string =>
  code.replaceAll(TO_DIST, relative(dirname(fileName), '.') || '.')

/**
 * Throws if a file imports a program or a thread: one that waits at its top for such a file would wait for itself, and any other
 * would run twice.
 */
function refuseImportsOfPrograms(chunks: readonly OutputChunk[], exported: ReadonlySet<string>): void {
  const programs = new Set(
    chunks
      .filter(({ isEntry, fileName }) => isEntry && !exported.has(fileName))
      .map(({ fileName }) => fileName),
  )
  for (const { fileName, imports } of chunks)
    for (const one of imports)
      if (programs.has(one)) throw new Error(`${fileName} imports ${one}, which is a program of its own`)
}
