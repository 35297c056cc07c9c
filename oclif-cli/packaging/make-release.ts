/** Every form of a release, made by one command. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { ATTESTATION, packageDigest } from '../../plugins/backup/program/package-digest.ts'
import { IMAGE_ARCHITECTURES, type ImageArchitecture } from './base-files.ts'
import { billOfMaterials, vulnerabilities } from './bill-of-materials.ts'
import { filesIn, sha256Of, writeChecksums } from './checksums.ts'
import { debianPackages, writeDebianPackage, writeNodePackage } from './debian-packages.ts'
import { executableName, isMadeFor, linuxOn, ON_MAC, TARGETS, writeExecutables } from './executables.ts'
import { type ImageOptions, images, writeImage } from './images.ts'
import { packForRelease } from './locks.ts'
import { type Program, programs } from './program-files.ts'
import { releaseNotes } from './release-notes.ts'
import { stageAll } from './staging.ts'
import { chartArchive, homebrewFormula, wingetManifest } from './store-manifests.ts'
import { changesOf, releasedChangelog, setStagedVersion } from './versions.ts'
import { commitSeconds, manifestOf, root } from './workspaces.ts'

/** Where the workflow pushes the images. */
const REGISTRY = 'ghcr.io/mezite'
const PEOPLE = ['msh', 'mezctl'] as const

export interface ReleaseOptions {
  /** Compresses less, for tests: the files are complete, and larger. */
  readonly fast?: boolean
  /** A signed statement about `packageSums`, which the hub's package brings along. */
  readonly attestation?: string
  /** A folder with executables that another machine has made, which the release takes along. */
  readonly with?: string
}

/** Puts the attestation into the package of the hub, from which every form takes it. */
export function attach(attestation: string, folder: string): void {
  copyFileSync(attestation, join(folder, ATTESTATION))
  const path = join(folder, 'package.json')
  const manifest = manifestOf(folder)
  const files = [...new Set([...manifest.files!, ATTESTATION])]
  writeFileSync(path, `${JSON.stringify({ ...manifest, files }, null, 2)}\n`)
}

/** Writes the digest of what runs in each package of a version to a file, as `sha256sum` prints them: the subjects of its attestation. */
export async function writePackageSums(version: string, file: string): Promise<void> {
  const staged = mkdtempSync(join(tmpdir(), 'mezite-release-'))
  try {
    const folders = await stageAll(staged)
    for (const one of folders) setStagedVersion(one, version)
    // The forms contain shrinkwraps, and name the attestation in the manifest of the hub.
    attach('/dev/null', join(staged, programs.mezhub))
    packForRelease(folders, staged)
    const lines = folders.map((folder) => `${packageDigest(folder)}  ${manifestOf(folder).name}\n`)
    writeFileSync(file, lines.join(''))
  } finally {
    rmSync(staged, { recursive: true })
  }
}

/** The executables for macOS in a folder. Throws if one is missing. */
function madeOnMac(folder: string): readonly string[] {
  const found = filesIn(folder)
  return PEOPLE.map((program) => {
    const file = executableName(program, ON_MAC)
    if (!found.includes(file)) throw new Error(`${folder} has no ${file}`)
    return file
  })
}

export interface FormsOptions {
  /** The folder that contains the packages of this repository as they are published, by name. */
  readonly staged: string
  readonly folder: string
  readonly fast?: boolean
  /** The only processor that they are for; default: all systems and processors. */
  readonly processor?: ImageArchitecture
  /** Where the files of the base of images come from. Default: those that `base-packages.json` locks. */
  readonly base?: ImageOptions['base']
  readonly say?: (line: string) => void
}

/** Writes the forms that contain the programs: Debian packages, executables, images. Returns the digest of each image. */
export function writeForms(options: FormsOptions): Readonly<Record<'hub' | 'agent', string>> {
  const { staged, folder, fast = false, processor, base, say = () => {} } = options
  const architectures = processor === undefined ? IMAGE_ARCHITECTURES : [processor]
  for (const each of Object.values(debianPackages)) writeDebianPackage(each, { staged, target: folder, fast })
  for (const architecture of architectures) writeNodePackage(architecture, { staged, target: folder, fast })
  say('Debian packages')

  const level = fast && { level: 1 }
  const systems = processor === undefined ? TARGETS : [linuxOn(processor)]
  for (const program of Object.keys(programs) as Program[]) {
    const targets = systems.filter((target) => isMadeFor(program, target))
    writeExecutables({ program, targets, staged, folder, ...level })
  }
  say('executables')

  const digestOf = (name: 'hub' | 'agent') =>
    writeImage(images[name], { staged, folder, architectures, ...(base && { base }), ...level }).digest
  const digests = { hub: digestOf('hub'), agent: digestOf('agent') }
  say('images')
  return digests
}

/** Writes every form of a version into a folder, which it replaces; returns the names of the files. `say` gets lines about the progress. */
export async function makeRelease(
  version: string,
  folder: string,
  say: (line: string) => void,
  { fast = false, attestation, with: others }: ReleaseOptions = {},
): Promise<readonly string[]> {
  const seconds = commitSeconds()
  const write = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content)
  const staged = mkdtempSync(join(tmpdir(), 'mezite-release-'))
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    const folders = await stageAll(staged)
    for (const one of folders) setStagedVersion(one, version)
    if (attestation !== undefined) attach(attestation, join(staged, programs.mezhub))
    const packs = packForRelease(folders, folder)
    say(`${packs.length} npm packages`)

    const digests = writeForms({ staged, folder, fast, say })
    for (const file of others === undefined ? [] : madeOnMac(others)) {
      copyFileSync(join(others!, file), join(folder, file))
      chmodSync(join(folder, file), 0o755)
    }

    const nameOf = (name: 'hub' | 'agent') => `${REGISTRY}/${images[name].name}:${version}@${digests[name]}`
    const named = { hub: nameOf('hub'), agent: nameOf('agent') }
    write(`mezite-chart-${version}.tgz`, chartArchive(version, named, seconds))
    const sums = new Map(filesIn(folder).map((file) => [file, sha256Of(readFileSync(join(folder, file)))]))
    for (const name of PEOPLE) {
      const { description: summary = '' } = manifestOf(join(staged, programs[name]))
      const program = { name, summary, version, sums }
      write(`${name}.rb`, homebrewFormula(program))
      for (const [file, text] of wingetManifest(program)) write(file, text)
    }
    write('sbom.cdx.json', billOfMaterials(version, seconds))
    write('vex.openvex.json', vulnerabilities(version, seconds))
    const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
    const date = new Date(seconds * 1_000).toISOString().slice(0, 10)
    const released = changelog.includes(`\n## ${version} (`)
      ? changelog
      : releasedChangelog(changelog, version, date)
    write('CHANGELOG.md', released)
    write(
      'NOTES.md',
      releaseNotes(
        version,
        changesOf(released, version),
        packs.map((file) => basename(file)),
        attestation !== undefined,
      ),
    )
    writeChecksums(folder)
    return filesIn(folder)
  } finally {
    rmSync(staged, { recursive: true })
  }
}
