/** The version of a release: in the manifests, in the changelog, and in what is staged. */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestOf, publishedWorkspaces, root } from './workspaces.ts'

const LEVELS = ['major', 'minor', 'patch'] as const
export type Level = (typeof LEVELS)[number]

/** The level of this name, or `none`. Throws for another text. */
export function levelOf(name: string): Level | 'none' {
  const level = LEVELS.find((one) => one === name)
  if (level === undefined && name !== 'none') throw new Error('--bump takes major, minor, patch or none')
  return level ?? 'none'
}

/** The version after a release of this level. */
export function bumped(version: string, level: Level | 'none'): string {
  if (level === 'none') return version
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

/** The changes of a version in a changelog. Throws if it has none. */
export function changesOf(changelog: string, version: string): string {
  const [, section] = changelog.split(new RegExp(`^## ${version.replaceAll('.', '\\.')} \\(.*\\)$`, 'm'))
  if (section === undefined) throw new Error(`CHANGELOG.md has no changes of ${version}`)
  return section.split(/^## /m)[0]!.trim()
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

const ownNames = () => publishedWorkspaces().map(({ manifest }) => manifest.name)

/** Sets the version of a staged package, which npm publishes with provenance. */
export function setStagedVersion(folder: string, version: string): void {
  const path = join(folder, 'package.json')
  const text = withVersion(readFileSync(path, 'utf8'), version, ownNames())
  const publishConfig = { access: 'public', provenance: true }
  writeFileSync(path, `${JSON.stringify({ ...JSON.parse(text), publishConfig }, null, 2)}\n`)
  const commands = join(folder, 'oclif.manifest.json')
  if (!existsSync(commands)) return
  writeFileSync(commands, `${JSON.stringify({ ...JSON.parse(readFileSync(commands, 'utf8')), version })}\n`)
}

/** Sets the version of this checkout, dates its changelog, and records the contract of the release. Publishes nothing. */
export async function prepareRelease(version: string, date: string): Promise<void> {
  const changelog = join(root, 'CHANGELOG.md')
  const npm = (...args: readonly string[]) => execFileSync('npm', args, { cwd: root, stdio: 'inherit' })
  writeFileSync(changelog, releasedChangelog(readFileSync(changelog, 'utf8'), version, date))
  // The documentation in the packages has a page about this version.
  npm('run', 'docs', '--', '--pages')
  const { recordRelease } = await import('./reference.ts')
  recordRelease()
  const patterns = manifestOf(root).workspaces!.map((pattern) => `${pattern}/package.json`)
  const names = ownNames()
  for (const file of globSync(['package.json', ...patterns], { cwd: root })) {
    const path = join(root, file)
    writeFileSync(path, withVersion(readFileSync(path, 'utf8'), version, names))
  }
  npm('install', '--package-lock-only', '--prefer-offline')
}
