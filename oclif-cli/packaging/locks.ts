/** Lock files of what is published: the versions and hashes of this repository's own lock file. */
import { createHash } from 'node:crypto'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pack } from './staging.ts'
import { type Manifest, manifestOf, publishedWorkspaces, root } from './workspaces.ts'

/** A package in a lock file of npm, version 3. */
interface Entry {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly peer?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
  readonly inBundle?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Manifest['peerDependenciesMeta']
}

export interface Lock {
  readonly name: string
  readonly version: string
  readonly lockfileVersion: 3
  readonly requires: true
  readonly packages: Readonly<Record<string, Entry>>
}

/** A package of this repository as it is published. */
export interface OwnPack {
  /** Its staged folder. */
  readonly folder: string
  readonly integrity: string
}

/** How npm writes the hash of a tarball. */
export const integrityOf = (tarball: string): string =>
  `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`

/**
 * The lock file of a package with everything that it needs: third-party packages as in the lock file of this repository, and
 * its own as in `own`. `top` is the manifest of the package, and `folder` has what it bundles. Throws for a package that is in
 * neither, or that would be in one place twice.
 */
export function lockOf(top: Manifest, folder: string, own: ReadonlyMap<string, OwnPack>): Lock {
  const { packages: known } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  const packages: Record<string, Entry> = {}
  const sources = new Map<string, string>()
  const workspace = publishedWorkspaces().find(({ manifest }) => manifest.name === top.name)
  /** Folders that have another place here than in the lock file of the repository. */
  const moved = new Map<string, string>([[workspace?.path ?? '', '']])

  /** The nearest package of this name, as Node.js finds it. */
  function find(name: string, from: string): string | null {
    for (let at = from; at !== ''; at = at.replace(/(^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '')) {
      if (`${at}/node_modules/${name}` in known) return `${at}/node_modules/${name}`
      // A workspace is below the root alone.
      if (!at.includes('node_modules/')) break
    }
    return `node_modules/${name}` in known ? `node_modules/${name}` : null
  }

  const placeOf = (source: string): string => {
    for (const [from, to] of moved) {
      const start = `${from}/node_modules/`
      if (from !== '' && source.startsWith(start)) return join(to, 'node_modules', source.slice(start.length))
    }
    return source
  }

  function place(target: string, source: string, entry: Entry): void {
    const other = sources.get(target)
    if (other === source) return
    if (other !== undefined) throw new Error(`${top.name}: ${source} and ${other} would be in one place`)
    sources.set(target, source)
    packages[target] = entry
    addDependencies(target, source, entry)
  }

  function addDependencies(target: string, source: string, entry: Entry, bundledIn = ''): void {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = entry
    const optional = (name: string) =>
      name in optionalDependencies || entry.peerDependenciesMeta?.[name]?.optional === true
    const bundled = bundledIn === '' ? [] : (manifestOf(bundledIn).bundleDependencies ?? [])
    for (const name of bundled) addBundled(name, target, join(bundledIn, 'node_modules', name))
    for (const name of Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies })) {
      if (bundled.includes(name) || (name in peerDependencies && optional(name))) continue
      const found = find(name, source)
      const pack = own.get(name)
      if (pack !== undefined) addOwn(name, pack)
      else if (found !== null && !known[found]?.link) place(placeOf(found), found, thirdParty(known[found]!))
      else if (!optional(name)) throw new Error(`${top.name}: ${name} is not locked`)
    }
  }

  function addOwn(name: string, { folder, integrity }: OwnPack): void {
    const target = `node_modules/${name}`
    const { path } = publishedWorkspaces().find(({ manifest }) => manifest.name === name)!
    if (sources.has(target)) return
    moved.set(path, target)
    sources.set(target, path)
    const entry = { ...ownEntry(manifestOf(folder)), integrity }
    packages[target] = entry
    addDependencies(target, path, entry, folder)
  }

  /** What is published inside of a package needs no hash of its own. */
  function addBundled(name: string, parent: string, folder: string): void {
    const source = `node_modules/${name}`
    const target = join(parent, source)
    const entry = { ...ownEntry(manifestOf(folder)), inBundle: true }
    sources.set(target, source)
    packages[target] = entry
    for (const file of globSync('node_modules/{*,@*/*}/package.json', { cwd: folder })) {
      const path = join(file, '..')
      sources.set(join(target, path), join(source, path))
      packages[join(target, path)] = { ...ownEntry(manifestOf(join(folder, path))), inBundle: true }
    }
  }

  packages[''] = { ...ownEntry(top), ...{ name: top.name } }
  addDependencies('', workspace?.path ?? '', packages['']!, folder)
  const sorted = Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1))
  const { name, version } = top
  return { name, version, lockfileVersion: 3, requires: true, packages: Object.fromEntries(sorted) }
}

function thirdParty({ dev: _, peer: __, devOptional, ...entry }: Entry): Entry {
  return devOptional ? { ...entry, optional: true } : entry
}

/** The members of a manifest that a lock file has. */
function ownEntry(manifest: Manifest): Entry {
  const { version, license, bin, dependencies, optionalDependencies, bundleDependencies } = manifest
  const { peerDependencies, peerDependenciesMeta } = manifest
  const all = { version, license, bin, dependencies, optionalDependencies, bundleDependencies }
  return JSON.parse(JSON.stringify({ ...all, peerDependencies, peerDependenciesMeta }))
}

const SHRINKWRAP = 'npm-shrinkwrap.json'

/** Writes `npm-shrinkwrap.json` into a staged program, so that everybody installs the versions that were tested. */
export function writeShrinkwrap(folder: string, own: ReadonlyMap<string, OwnPack>): void {
  const manifest = manifestOf(folder)
  writeFileSync(join(folder, SHRINKWRAP), `${JSON.stringify(lockOf(manifest, folder, own), null, 2)}\n`)
  const files = [...new Set([...(manifest.files ?? []), SHRINKWRAP])]
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifest, files }, null, 2)}\n`)
}

/** Packs staged packages, each after those that it needs; programs, which have a `bin`, with their shrinkwrap. */
export function packForRelease(folders: readonly string[], target: string): readonly string[] {
  const own = new Map<string, OwnPack>()
  const isProgram = (folder: string) => manifestOf(folder).bin !== undefined
  const parts = folders.filter((folder) => !isProgram(folder))
  const note = (folder: string, tarball: string) => {
    own.set(manifestOf(folder).name, { folder, integrity: integrityOf(tarball) })
    return tarball
  }
  const tarballs = pack(parts, target).map((tarball, index) => note(parts[index]!, tarball))
  for (const folder of folders.filter(isProgram)) {
    writeShrinkwrap(folder, own)
    tarballs.push(note(folder, pack([folder], target)[0]!))
  }
  return tarballs
}
