/**
 * `npm run reference`: writes core/reference.md, the surface of `@mezite/core` and `@mezite/cli`: every exported name and
 * every type that one of them mentions, with its stability, signature and docstring, and every error code.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodes } from '@mezite/core/error-codes'
import { type Declaration, type Module, type Origin, readDeclarations } from './declarations.ts'
import { manifestOf, root } from './workspaces.ts'

const referenceFile = join(root, 'core/reference.md')
const releasedFile = join(root, 'core/released-surface.json')

/** The entry of types alone. */
const TYPES = '@mezite/core/types'
const TAG = /@(public|beta|internal)\b/

/** One name of the surface. `internal` names are listed without their signature. */
interface Name {
  readonly name: string
  readonly stability: string
  readonly signature: string
  readonly doc: string
}

/** One import path, such as `@mezite/core/protocol`. */
interface EntryPoint {
  readonly path: string
  readonly doc: string
  readonly names: readonly Name[]
  /** Types that its names mention, and that no entry exports. */
  readonly mentioned: readonly Name[]
}

/** The stability of names, from the most stable. */
const LEVELS = ['public', 'beta', 'internal'] as const

/**
 * Reads the surface from the sources. The stability of a name is the tag of its own docstring, otherwise that of the
 * docstring of the entry's source, otherwise that of the most stable name that mentions it. Throws if there is none.
 */
export function readSurface(): readonly EntryPoint[] {
  const entries = ['core', 'oclif-cli/shared'].flatMap((folder) => {
    const { name, exports = {} } = manifestOf(join(root, folder))
    return Object.entries(exports as Record<string, Record<string, string>>).map(([path, conditions]) => ({
      path: join(name, path),
      source: join(folder, conditions['mezite-source'] ?? conditions.types!),
    }))
  })
  const moduleOf = readDeclarations(entries.map(({ source }) => source))
  const seen = new Map<string, string>()
  const read = entries.map(({ path, source }) => {
    const { doc, exports } = moduleOf(source)
    const names = [...exports].map(([name, origin]) => {
      const [its, at] = declarationOf(origin, moduleOf)
      const stability = TAG.exec(its.doc)?.[1] ?? TAG.exec(doc)?.[1] ?? null
      const earlier = seen.get(at)
      if (stability !== 'internal' && !earlier) seen.set(at, path)
      return {
        name,
        at,
        stability,
        its,
        signature: earlier ? `// as of ${earlier}` : its.signature,
        doc: earlier ? '' : untagged(its.doc),
      }
    })
    return { path, doc: untagged(doc), names }
  })
  const open = read.flatMap(({ names }) => names.filter(({ stability }) => stability !== 'internal'))
  const named = new Set(open.map(({ at }) => at))
  const levels = new Map(open.flatMap(({ at, stability }) => (stability === null ? [] : [[at, stability]])))
  const mentionedBy = new Map<string, Name[]>(read.map(({ path }) => [path, []]))
  for (const level of LEVELS) {
    for (const { path, names } of read) {
      const follow = ({ mentions }: Declaration): void => {
        for (const mention of mentions) {
          const [its, at] = declarationOf(mention, moduleOf)
          if (levels.has(at) || TAG.exec(its.doc)?.[1] === 'internal') continue
          levels.set(at, level)
          if (!named.has(at) && level !== 'internal')
            mentionedBy.get(path)!.push({
              ...{ name: mention.name, stability: level, signature: its.signature },
              doc: untagged(its.doc),
            })
          follow(its)
        }
      }
      for (const { its, stability } of names) if (stability === level) follow(its)
    }
  }
  return read.map(({ path, doc, names }) => {
    const exported = names.map(({ its: _, at, ...name }) => {
      const stability = name.stability ?? levels.get(at)
      if (stability === undefined)
        throw new Error(`${path}: ${name.name} has none of @public, @beta, @internal`)
      return { ...name, stability }
    })
    return { path, doc, names: exported.sort(byName), mentioned: mentionedBy.get(path)!.sort(byName) }
  })
}

const byName = (one: Name, other: Name) => one.name.localeCompare(other.name, 'en')
const untagged = (doc: string) => doc.replace(TAG, '').trim()

/** The declaration of a name, through modules that forward it, and where it is. */
function declarationOf({ file, name }: Origin, moduleOf: (file: string) => Module): [Declaration, string] {
  const at = `${file} ${name}`
  if (file.startsWith('package:'))
    return [{ signature: `// of ${file.slice('package:'.length)}`, doc: '', mentions: [] }, at]
  const { declared, exports } = moduleOf(file)
  const its = declared.get(name)
  if (its) return [its, at]
  const next = exports.get(name)
  if (!next) throw new Error(`${file} declares no ${name}`)
  return declarationOf(next, moduleOf)
}

/** The reference as Markdown. */
export function renderReference(surface: readonly EntryPoint[]): string {
  const codes = Object.entries(errorCodes).map(
    ([code, next]) => `| \`${code}\` | ${next.replaceAll('|', '\\|')} |`,
  )
  return `<!-- Written by \`npm run reference\`. -->

# Reference

The surface of [@mezite/core](../plugins/docs/pages/build/plugin.md#a-plugin) and of
[@mezite/cli](../plugins/docs/pages/build/plugin.md#a-command). How long a
name keeps its meaning: [stability](../plugins/docs/pages/build/plugin.md#stability). Names marked *beta* may change in a minor release, and
*internal* ones, which the programs of Mezite import from each other, in any.

${surface.map(({ path }) => `- [${path}](#${path.replaceAll(/[^\w-]/g, '')})`).join('\n')}
- [Error codes](#error-codes)

${surface.map(renderEntry).join('\n')}
## Error codes

A code stands for one problem and never changes its meaning. The next step is the general one; an error may have a better.

| code | next step |
|---|---|
${codes.join('\n')}
`
}

function renderEntry({ path, doc, names, mentioned }: EntryPoint): string {
  const open = names.filter(({ stability }) => stability !== 'internal')
  const internal = names.filter(({ stability }) => stability === 'internal').map(({ name }) => `\`${name}\``)
  return [
    `## ${path}\n`,
    ...(doc ? [`${doc}\n`] : []),
    ...open.map((name) => renderName(name, '###')),
    ...(mentioned.length > 0
      ? [`### Types that ${path} mentions\n`, ...mentioned.map((name) => renderName(name, '####'))]
      : []),
    ...(internal.length > 0 ? [`Internal: ${internal.join(', ')}.\n`] : []),
  ].join('\n')
}

const renderName = ({ name, stability, signature, doc }: Name, level: string): string =>
  [
    `${level} ${name}${stability === 'public' ? '' : ` *${stability}*`}\n`,
    ...(doc ? [`${doc}\n`] : []),
    `\`\`\`ts\n${signature}\n\`\`\`\n`,
  ].join('\n')

/** A hash of each name's signature without its comments, so that a better docstring is not a change. */
export function fingerprints(surface: readonly EntryPoint[]): Record<string, string> {
  const hashed = surface.flatMap(({ path, names, mentioned }) =>
    [
      // A type that only this entry names was a part of the surface before it had a name.
      ...names.map((one) => [path === TYPES ? one.name : `${path} ${one.name}`, one] as const),
      ...mentioned.map((one) => [one.name, one] as const),
    ]
      .filter(([, { stability }]) => stability !== 'internal')
      .map(([key, { stability, signature }]) => {
        const bare = signature.replaceAll(/\/\*\*[\s\S]*?\*\//g, '').replaceAll(/\s+/g, ' ')
        return [key, createHash('sha256').update(`${stability} ${bare}`).digest('hex').slice(0, 8)]
      }),
  )
  return Object.fromEntries(hashed.sort(([one], [other]) => (one! < other! ? -1 : 1)))
}

/**
 * The names that differ from the last release and that "Unreleased" of the changelog does not have in backticks: each
 * change of the surface needs a line for the authors of plugins.
 */
export function unannounced(
  released: Readonly<Record<string, string>>,
  current: Readonly<Record<string, string>>,
  changelog: string,
): readonly string[] {
  const unreleased = changelog.split(/^## /m).find((section) => section.startsWith('Unreleased')) ?? ''
  const announced = new Set(
    [...unreleased.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code!.match(/[\w$]+/g) ?? []),
  )
  return [...new Set([...Object.keys(released), ...Object.keys(current)])]
    .filter((key) => released[key] !== current[key])
    .filter((key) => !announced.has(key.split(' ').at(-1)!))
}

/** The surface of the last release: each name with a hash of its signature. */
export const releasedSurface = (): Readonly<Record<string, string>> =>
  JSON.parse(readFileSync(releasedFile, 'utf8'))

/** Records the surface of a release. */
export function recordRelease(): void {
  writeFileSync(releasedFile, `${JSON.stringify(fingerprints(readSurface()), null, 2)}\n`)
}

if (import.meta.main) writeFileSync(referenceFile, renderReference(readSurface()))
