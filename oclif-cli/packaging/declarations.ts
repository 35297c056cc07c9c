/** The declarations of the packages as authors of plugins read them: names, signatures and docstrings by module. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseSync } from 'rolldown/utils'
import { root } from './workspaces.ts'

const compiler = join(root, `node_modules/@typescript/typescript-${process.platform}-${process.arch}/lib/tsc`)
const cache = join(root, 'node_modules/.cache/reference')

/** A name in a module of this repository, or in a package of others (`package:typebox`). */
export interface Origin {
  readonly file: string
  readonly name: string
}

export interface Declaration {
  /** Without bodies, `export` and the declaration's own docstring. */
  readonly signature: string
  readonly doc: string
  /** Every other name in it that the module declares or imports. */
  readonly mentions: readonly Origin[]
}

/** One source of this repository. */
export interface Module {
  /** The docstring that the file starts with. */
  readonly doc: string
  readonly exports: ReadonlyMap<string, Origin>
  readonly declared: ReadonlyMap<string, Declaration>
}

/** The members of the syntax tree that are read here (ESTree with TypeScript). */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly name?: string
  readonly [member: string]: unknown
}

/** Compiles the declarations of the sources and of everything that they import, without checking them. */
export function readDeclarations(sources: readonly string[]): (file: string) => Module {
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  const project = join(cache, 'tsconfig.json')
  const compilerOptions = {
    ...{ rootDir: root, outDir: cache, rewriteRelativeImportExtensions: true, noCheck: true },
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true },
    ...{ incremental: false, tsBuildInfoFile: null },
  }
  const files = sources.map((file) => join(root, file))
  const options = { extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }
  writeFileSync(project, JSON.stringify(options))
  const args = ['-p', project, '--singleThreaded']
  const { status, stdout } = spawnSync(compiler, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the declarations do not compile:\n${stdout}`)
  const modules = new Map<string, Module>()
  const moduleOf = (file: string): Module => {
    const emitted = file.endsWith('.d.ts') ? join(root, file) : join(cache, file.replace(/\.ts$/, '.d.ts'))
    const known = modules.get(file) ?? readModule(file, readFileSync(emitted, 'utf8'), moduleOf)
    modules.set(file, known)
    return known
  }
  return moduleOf
}

function readModule(file: string, text: string, moduleOf: (file: string) => Module): Module {
  const { program, comments } = parseSync('module.d.ts', text)
  const statements = program.body as unknown as Node[]
  const exports = new Map<string, Origin>()
  const [imports, found] = [new Map<string, Origin>(), new Map<string, Node[]>()]
  const originOf = (source: string, name: string): Origin => ({
    file: source.startsWith('.') ? join(dirname(file), source) : `package:${source}`,
    name,
  })
  const docBefore = (start: number): string | null => {
    const comment = comments.findLast(({ end, value }) => end <= start && value.startsWith('*'))
    return comment && text.slice(comment.end, start).trim() === '' ? plainDoc(comment.value) : null
  }
  for (const statement of statements) {
    const source = (statement.source as { value: string } | null | undefined)?.value
    if (statement.type === 'ExportAllDeclaration')
      for (const [name, origin] of moduleOf(originOf(source!, '').file).exports) exports.set(name, origin)
    const specifiers = (statement.specifiers ?? []) as { imported?: Node; local: Node; exported?: Node }[]
    for (const { imported, local, exported } of specifiers) {
      if (exported)
        exports.set(exported.name!, source ? originOf(source, local.name!) : { file, name: local.name! })
      else if (imported) imports.set(local.name!, originOf(source!, imported.name!))
    }
    const declaration = (statement.declaration ?? statement) as Node
    const [declarator] = (declaration.declarations ?? []) as { id: Node }[]
    const name = (declarator?.id ?? (declaration.id as Node | undefined))?.name
    if (name === undefined) continue
    // Overloads share a name.
    found.set(name, [...(found.get(name) ?? []), statement])
    if (statement.type.startsWith('Export')) exports.set(name, { file, name })
  }
  const declared = new Map<string, Declaration>()
  for (const [name, its] of found) {
    const texts = its.map(({ start, end }) => text.slice(start, end))
    const mentions = new Map<string, Origin>()
    for (const word of its.flatMap((statement) => [...identifiersOf(statement)])) {
      if (word === name) continue
      const origin = found.has(word) ? { file, name: word } : imports.get(word)
      if (origin) mentions.set(word, origin)
    }
    for (const [, source, word] of texts.join().matchAll(/import\("(\.[^"]+)"\)\.(\w+)/g))
      mentions.set(word!, originOf(source!, word!))
    declared.set(name, {
      signature: texts.map(readable).join('\n'),
      doc: its.map(({ start }) => docBefore(start)).find((doc) => doc !== null) ?? '',
      mentions: [...mentions.values()].filter((origin) => !origin.file.startsWith('package:')),
    })
  }
  // Imports that types do not need are not emitted, nor is the docstring before them.
  const opening = /^\/\*(\*[\s\S]*?)\*\//.exec(readFileSync(join(root, file), 'utf8'))?.[1] ?? ''
  return { doc: plainDoc(opening), exports, declared }
}

/** Every identifier of a declaration, without the keys of members. */
function* identifiersOf(node: unknown, isKey = false): Generator<string> {
  if (Array.isArray(node)) for (const one of node) yield* identifiersOf(one)
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return
  const { type, name, computed, ...members } = node as Node
  if (type === 'Identifier' && typeof name === 'string' && !isKey) yield name
  for (const [member, value] of Object.entries(members))
    yield* identifiersOf(value, member === 'key' && computed !== true)
}

/** A declaration as its users read it. */
const readable = (text: string): string =>
  text
    .replace(/^export (?:default )?/, '')
    .replace(/^declare /, '')
    .replaceAll(/import\("[^"]+"\)\./g, '')
    .replaceAll(/^( +)/gm, (indent) => ' '.repeat(indent.length / 2))
    .replace(/;$/, '')

/** The text of a docstring without its stars. */
const plainDoc = (comment: string): string =>
  comment
    .replace(/^\*/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .join('\n')
    .trim()
