import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { build } from './build.ts'
import { joinModules } from './joined-modules.ts'
import { type Manifest, manifestOf, publishedWorkspaces, root, type Workspace } from './workspaces.ts'

const SOURCE = 'mezite-source'
/** The packages whose modules a start of a hub loads. */
const LOADED_BY_HUBS = /^(core|plugins\/.+)$/

/** Where `npm run pack` writes folders and tarballs. */
export const packagesFolder = join(root, 'dist/packages')

/**
 * Copies a package to `target` as it is published: only its `files`, with the license, and without the export condition
 * of this repository, which would lead to sources that are not published. Names the repository, from which npm verifies the
 * provenance of a package.
 */
export function stage({ path, folder, manifest }: Workspace, target: string): void {
  mkdirSync(target, { recursive: true })
  const names = [...(manifest.files ?? []), 'README.md']
  for (const name of names.filter((name) => existsSync(join(folder, name)))) {
    cpSync(join(folder, name), join(target, name), { recursive: true })
  }
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  const published = withoutYarn(manifest, target)
  const repository = { ...manifestOf(root).repository, directory: path }
  const text = JSON.stringify(
    { ...published, repository },
    (key, value) => (key === SOURCE ? undefined : value),
    2,
  )
  writeFileSync(join(target, 'package.json'), `${text}\n`)
}

/** Installs the packages that people add to `mezctl` and `msh`. */
const PLUGINS = '@oclif/plugin-plugins'
/** Only its deprecated `plugins link` uses it, and what it prints while it is installed looks like an attack. */
const UNUSED = 'yarn'

/**
 * The manifest of a package that depends on `PLUGINS`, which is then bundled without `UNUSED`: `overrides` of npm count only in
 * the root of an installation. Npm installs no dependency of a bundled package, so the program itself names them, and
 * what is bundled needs only what lies inside: the rest would count as bundled too, and not be installed either.
 */
function withoutYarn(manifest: Manifest, target: string): Manifest {
  if (manifest.dependencies?.[PLUGINS] === undefined) return manifest
  const source = join(root, 'node_modules', PLUGINS)
  const bundled = join(target, 'node_modules', PLUGINS)
  cpSync(source, bundled, { recursive: true })
  const { dependencies = {}, ...rest } = manifestOf(source)
  const { [UNUSED]: _, ...needed } = dependencies
  const isInside = (name: string) => existsSync(join(bundled, 'node_modules', name))
  for (const file of globSync('node_modules/{*,@*/*}/package.json', { cwd: source }))
    for (const name of Object.keys(manifestOf(join(source, file, '..')).dependencies ?? {}))
      if (!isInside(name))
        cpSync(join(root, 'node_modules', name), join(bundled, 'node_modules', name), { recursive: true })
  const inside = Object.fromEntries(Object.entries(needed).filter(([name]) => isInside(name)))
  writeFileSync(
    join(bundled, 'package.json'),
    `${JSON.stringify({ ...rest, dependencies: inside }, null, 2)}\n`,
  )
  const beside = Object.keys(needed).filter((name) => !isInside(name))
  const versions = beside.map((name) => [name, manifestOf(join(root, 'node_modules', name)).version] as const)
  return {
    ...manifest,
    dependencies: { ...Object.fromEntries(versions), ...manifest.dependencies },
    bundleDependencies: [PLUGINS],
  }
}

/** Builds every package and stages it, with few modules, below `parent` as `<scope>/<name>`; returns their folders. */
export async function stageAll(parent: string): Promise<readonly string[]> {
  await build()
  const program = join(import.meta.dirname, 'command-manifest.ts')
  const targets: string[] = []
  for (const workspace of publishedWorkspaces()) {
    const target = join(parent, workspace.manifest.name)
    stage(workspace, target)
    if (LOADED_BY_HUBS.test(workspace.path)) await joinModules(target, workspace.manifest)
    if (workspace.manifest.oclif?.bin !== undefined)
      execFileSync(process.execPath, [program, workspace.folder, join(target, 'oclif.manifest.json')])
    targets.push(target)
  }
  return targets
}

/** Packs staged packages into `target`; returns the paths of the tarballs, in the same order. Changes the modes of the files. */
export function pack(folders: readonly string[], target: string): readonly string[] {
  for (const folder of folders) setModes(folder)
  const args = ['pack', '--silent', '--pack-destination', target, ...folders]
  const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8', cwd: target })
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`)
  return folders.map((folder) => {
    const { name, version } = manifestOf(folder)
    return join(target, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  })
}

/** Gives files the modes that they have with the usual mask: npm packs modes as they are, and a checkout has those of its maker's mask. */
function setModes(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}
