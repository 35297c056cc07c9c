/**
 * `npm run release -- [--bump major|minor|patch] --node-image IMAGE@DIGEST [--dry-run]`: sets the version of every package, dates the changelog and
 * adds the subjects of the commits, packs, and writes a bill of materials (CycloneDX) beside the packs. Publishes unless
 * `--dry-run` is given, which changes no file outside of `dist`.
 */
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packForRelease, withNodeImage } from './locks.ts'
import { packagesFolder, stageAll } from './staging.ts'
import { manifestOf, publishedWorkspaces, root } from './workspaces.ts'

const LEVELS = ['major', 'minor', 'patch'] as const
type Level = (typeof LEVELS)[number]

/** The version after a release of this level. */
export function bumped(version: string, level: Level): string {
  const at = LEVELS.indexOf(level)
  return version
    .split('.')
    .map((part, index) => (index < at ? part : index === at ? Number(part) + 1 : 0))
    .join('.')
}

/** The changelog with the unreleased changes under a version and a date. */
export function releasedChangelog(changelog: string, version: string, date: string): string {
  const heading = '## Unreleased\n'
  const start = changelog.indexOf(heading)
  if (start === -1) throw new Error('CHANGELOG.md has no heading "## Unreleased"')
  const next = changelog.indexOf('\n## ', start + heading.length)
  const end = next === -1 ? changelog.length : next
  const changes = changelog.slice(start + heading.length, end).trim()
  const section = `${heading}\n## ${version} (${date})\n\n${changes}\n`
  return changelog.slice(0, start) + section + changelog.slice(end)
}

/** A package.json with the new version, for itself and wherever it names another package of this repository. */
export function withVersion(text: string, version: string, names: readonly string[]): string {
  const manifest = JSON.parse(text)
  manifest.version = version
  for (const kind of ['dependencies', 'devDependencies', 'peerDependencies']) {
    for (const name of Object.keys(manifest[kind] ?? {}))
      if (names.includes(name)) manifest[kind][name] = version
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

const DOCKERFILE = join(root, 'examples/containers/Dockerfile')

async function release(level: Level, dryRun: boolean, nodeImage: string | undefined): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const version = bumped(manifestOf(root).version, level)
  const date = new Date().toISOString().slice(0, 10)
  const names = publishedWorkspaces().map(({ manifest }) => manifest.name)
  say(`${manifestOf(root).version} -> ${version}, ${names.length} packages`)
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
  const target = dryRun ? join(packagesFolder, 'CHANGELOG.md') : join(root, 'CHANGELOG.md')
  const dockerfile = readFileSync(DOCKERFILE, 'utf8')
  if (dryRun && nodeImage === undefined) say('a release needs --node-image with the digest of the base image')
  const pinned = dryRun && nodeImage === undefined ? dockerfile : withNodeImage(dockerfile, nodeImage)
  const released = releasedChangelog(changelog, version, date)
  if (!dryRun) {
    // The documentation in the packages has a page about this version.
    writeFileSync(target, released)
    execFileSync('npm', ['run', 'docs', '--', '--pages'], { cwd: root, stdio: 'inherit' })
  }
  rmSync(packagesFolder, { recursive: true, force: true })
  mkdirSync(packagesFolder, { recursive: true })
  if (dryRun) writeFileSync(target, released)
  const patterns = manifestOf(root).workspaces!.map((pattern) => `${pattern}/package.json`)
  if (!dryRun) {
    const { recordRelease } = await import('./reference.ts')
    recordRelease()
    writeFileSync(DOCKERFILE, pinned)
    for (const file of globSync(['package.json', ...patterns], { cwd: root })) {
      const path = join(root, file)
      writeFileSync(path, withVersion(readFileSync(path, 'utf8'), version, names))
    }
    execFileSync('npm', ['install', '--package-lock-only', '--prefer-offline'], {
      cwd: root,
      stdio: 'inherit',
    })
  }
  const folders = await stageAll(join(packagesFolder, 'staged'))
  for (const folder of folders) {
    const path = join(folder, 'package.json')
    const text = withVersion(readFileSync(path, 'utf8'), version, names)
    const publishConfig = { access: 'public', provenance: true }
    writeFileSync(path, `${JSON.stringify({ ...JSON.parse(text), publishConfig }, null, 2)}\n`)
  }
  const tarballs = packForRelease(folders, packagesFolder)
  writeFileSync(join(packagesFolder, 'sbom.cdx.json'), billOfMaterials())
  say(`packs, bill of materials and changelog are in ${packagesFolder}`)
  if (dryRun) return say('dry run: nothing was published, and no file outside of dist was changed')
  for (const tarball of tarballs) execFileSync('npm', ['publish', tarball], { cwd: root, stdio: 'inherit' })
  say(`published; commit the new versions and tag the commit v${version}`)
}

/** The dependencies of the published packages, without the tools of this repository. */
function billOfMaterials(): string {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only']
  return execFileSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 27 })
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      bump: { type: 'string', default: 'minor' },
      'node-image': { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    },
  })
  const level = LEVELS.find((one) => one === values.bump)
  if (level === undefined) throw new Error('--bump takes major, minor or patch')
  await release(level, values['dry-run'], values['node-image'])
}
