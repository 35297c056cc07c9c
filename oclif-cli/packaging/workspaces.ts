import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The members of a package.json that this repository reads. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly license?: string
  readonly private?: boolean
  readonly repository?: Readonly<Record<string, string>>
  readonly workspaces?: readonly string[]
  readonly bin?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly files?: readonly string[]
  /** Of a program: the commands of packages that it brings along. */
  readonly mezite?: { readonly commands?: Readonly<Record<string, readonly string[]>> }
  /** Of a program with commands, and of a package that has some. */
  readonly oclif?: { readonly bin?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  /** Names of dependencies that are published inside the package. */
  readonly bundleDependencies?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** One package of this repository. */
export interface Workspace {
  /** Path from the root of the repository. */
  readonly path: string
  readonly folder: string
  readonly manifest: Manifest
}

export const root = resolve(import.meta.dirname, '../..')

export const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** When this commit was made, in seconds since 1970: the time in everything that is built from it. */
export const commitSeconds = (): number =>
  Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }))

/** The packages that are published, each after the packages that it depends on. */
export function publishedWorkspaces(): readonly Workspace[] {
  const patterns = (manifestOf(root).workspaces ?? []).map((pattern) => `${pattern}/package.json`)
  const all = globSync(patterns, { cwd: root })
    .map((file) => join(file, '..'))
    .sort()
    .map((path): Workspace => ({ path, folder: join(root, path), manifest: manifestOf(join(root, path)) }))
    .filter(({ manifest }) => !manifest.private)
  const ordered: Workspace[] = []
  const add = (workspace: Workspace): void => {
    if (ordered.includes(workspace)) return
    const needs = { ...workspace.manifest.dependencies, ...workspace.manifest.peerDependencies }
    for (const other of all) if (other.manifest.name in needs) add(other)
    ordered.push(workspace)
  }
  for (const workspace of all) add(workspace)
  return ordered
}
