/** The files that a program needs, without npm: its package and everything that it depends on, as they are installed here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { isUnread } from '../../plugins/backup/program/package-digest.ts'
import { type Manifest, manifestOf, publishedWorkspaces, root } from './workspaces.ts'

/** The packages of the programs, by program. Each has the program's name as its `bin`. */
export const programs = {
  mezhub: '@mezite/hub',
  mezd: '@mezite/agent',
  mezctl: '@mezite/mezctl',
  msh: '@mezite/msh',
} as const
export type Program = keyof typeof programs

/** A file by its path below the folder of the program, which is `node_modules/…`. */
export interface ProgramFile {
  readonly path: string
  readonly source: string
}

/** Of packages of other projects, their tools and tests. */
const TOOLS =
  /^(?:tests?|spec|docs|examples?|bench(?:marks?)?|integration)\/|(?:^|\/)\.|\.(?:sh|ps1|cmd|html)$/

/** Of a plugin that a program has only for its commands: they load nothing of its halves. */
const COMMAND_FILES = /^(?:package\.json|LICENSE|dist\/commands(?:\.js|\/.*)|dist\/pages\/.*)$/

/** Whether a file is the license of its package, by its path. */
export const isLicense = (path: string): boolean =>
  /(?:^|\/)(?:licen[cs]e|copying|notice)[^/]*$/i.test(path) && !/\.[cm]?js$/.test(path)

/**
 * The files of programs, each once, without types, source maps and documentation.
 *
 * @param staged the folder that contains the packages of this repository as they are published, by name
 */
export function programFiles(names: readonly Program[], staged: string): readonly ProgramFile[] {
  return installedPackages(names, staged).flatMap(({ folder, target, own, commandsOnly }) =>
    filesBelow(folder, own ? ['node_modules', 'testing'] : ['node_modules'])
      .filter((path) => !isUnread(path) && (own || !TOOLS.test(path)))
      .filter((path) => !commandsOnly || COMMAND_FILES.test(path))
      .sort()
      .map((path) => ({ path: join(target, path), source: join(folder, path) })),
  )
}

/** Paths of files, also of hidden ones, without those in folders with these names. */
const filesBelow = (folder: string, excluded: readonly string[]): readonly string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() && !excluded.includes(entry.name)
      ? filesBelow(join(folder, entry.name), excluded).map((path) => join(entry.name, path))
      : entry.isFile()
        ? [entry.name]
        : [],
  )

export interface LicenseText {
  /** Name and version of the package. */
  readonly name: string
  readonly license: string
  readonly text: string
}

/** The text of every license in these packages, for the copyright file of a distribution. */
export function licenseTexts(names: readonly Program[], staged: string): readonly LicenseText[] {
  return installedPackages(names, staged).map(({ folder, manifest }) => {
    const files = filesBelow(folder, []).filter(isLicense).sort()
    const text = files.map((name) => readFileSync(join(folder, name), 'utf8').trim()).join('\n\n')
    return { name: `${manifest.name} ${manifest.version}`, license: manifest.license ?? 'unknown', text }
  })
}

interface InstalledPackage {
  readonly manifest: Manifest
  readonly folder: string
  /** Its folder below that of the program. */
  readonly target: string
  /** Whether it is a package of this repository. */
  readonly own: boolean
  /** Whether a program has it only for its commands. */
  readonly commandsOnly: boolean
}

function installedPackages(names: readonly Program[], staged: string): readonly InstalledPackage[] {
  const workspaces = new Map(publishedWorkspaces().map((each) => [each.manifest.name, each]))
  const found = new Map<string, InstalledPackage>()
  /** @param from the folder of the package that needs it, in this repository */
  const add = (name: string, from: string, optional: boolean, commandsOnly = false): void => {
    const workspace = workspaces.get(name)
    const origin = workspace?.folder ?? lookUp(name, from)
    if (origin === null) {
      if (optional) return
      throw new Error(`${name}, which ${relative(root, from)} needs, is not installed; run npm ci`)
    }
    const before = found.get(origin)
    if (before && (commandsOnly || !before.commandsOnly)) return
    const folder = workspace ? join(staged, name) : origin
    const manifest = manifestOf(folder)
    found.set(origin, {
      manifest,
      folder,
      target: targetOf(origin),
      own: workspace !== undefined,
      commandsOnly,
    })
    if (commandsOnly) return
    const plugins = manifest.mezite?.commands ?? {}
    const optionalPeers = manifest.peerDependenciesMeta ?? {}
    for (const each of Object.keys(manifest.dependencies ?? {}))
      add(each, origin, each in (manifest.optionalDependencies ?? {}), each in plugins)
    for (const each of Object.keys(manifest.optionalDependencies ?? {})) add(each, origin, true)
    for (const each of Object.keys(manifest.peerDependencies ?? {})) {
      if (!optionalPeers[each]?.optional) add(each, origin, true)
    }
  }
  const targetOf = (origin: string): string => {
    for (const { folder, manifest } of workspaces.values()) {
      if (origin === folder) return join('node_modules', manifest.name)
      // Versions that only one package of this repository uses are installed below it.
      if (origin.startsWith(join(folder, 'node_modules') + sep))
        return join('node_modules', manifest.name, relative(folder, origin))
    }
    return relative(root, origin)
  }
  for (const name of names) add(programs[name], root, false)
  return [...found.values()]
}

/** The folder of a package as Node.js finds it from another folder. */
function lookUp(name: string, from: string): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (folder === root || folder === dirname(folder)) return null
  }
}
