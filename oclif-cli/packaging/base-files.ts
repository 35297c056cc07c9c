/**
 * `node base-files.ts`: locks the newest Debian packages of the images' base in `base-packages.json`. Their files are the C and
 * C++ libraries that Node.js needs: no shell, no package manager.
 */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Member, membersOf } from './archive.ts'
import { sha256Of } from './checksums.ts'
import { root } from './workspaces.ts'

export const IMAGE_ARCHITECTURES = ['amd64', 'arm64'] as const
export type ImageArchitecture = (typeof IMAGE_ARCHITECTURES)[number]

/** A Debian package by name, version and the SHA-256 of its file for each processor. */
export interface BasePackage {
  readonly name: string
  readonly version: string
  readonly sha256: Readonly<Record<ImageArchitecture, string>>
}

const NAMES = ['gcc-14-base', 'libc6', 'libgcc-s1', 'libstdc++6']
const LOCK = join(import.meta.dirname, 'base-packages.json')
const cache = join(root, 'node_modules/.cache/debian')

export const basePackages = (): readonly BasePackage[] => JSON.parse(readFileSync(LOCK, 'utf8'))

/** The files of the base, checked against the lock. They come from apt, and from the cache once they were there. */
export function baseFiles(architecture: ImageArchitecture): readonly Member[] {
  const packages = basePackages()
  const fileOf = ({ sha256 }: BasePackage) => join(cache, `${sha256[architecture]}.deb`)
  const missing = packages.filter((one) => !existsSync(fileOf(one)))
  if (missing.length > 0)
    withDownloads(
      architecture,
      missing.map(({ name, version }) => `${name}=${version}`),
      (folder) => {
        for (const file of globSync('*.deb', { cwd: folder })) {
          const sum = sha256Of(readFileSync(join(folder, file)))
          renameSync(join(folder, file), join(cache, `${sum}.deb`))
        }
      },
    )
  const folder = mkdtempSync(join(cache, 'base-'))
  try {
    for (const one of packages) {
      if (!existsSync(fileOf(one)) || sha256Of(readFileSync(fileOf(one))) !== one.sha256[architecture])
        throw new Error(
          `${one.name} ${one.version} for ${architecture} is not the package that base-packages.json names`,
        )
      execFileSync('dpkg-deb', ['--extract', fileOf(one), folder])
    }
    return membersOf(folder).filter(isOfBase)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const isOfBase = ({ path }: Pick<Member, 'path'>): boolean =>
  (/^(?:usr\/)?lib/.test(path) && !path.includes('/gconv/') && !path.includes('/audit/')) ||
  /^usr\/share\/doc\/.*\/copyright$/.test(path)

/** The files of the base as this Debian has them installed, of whatever version: tests download nothing. */
export function installedBaseFiles(): readonly Member[] {
  const folder = mkdtempSync(join(tmpdir(), 'mezite-base-'))
  try {
    const listed = execFileSync('dpkg-query', ['--listfiles', ...NAMES], { encoding: 'utf8' }).split('\n')
    const files = listed
      .map((path) => path.slice(1))
      .filter(
        (path) =>
          isOfBase({ path }) && lstatSync(`/${path}`, { throwIfNoEntry: false })?.isDirectory() === false,
      )
    execFileSync('cp', ['--archive', '--parents', ...files, folder], { cwd: '/' })
    return membersOf(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Downloads packages of Debian 13 for a processor, whatever that of this machine is. */
function withDownloads(architecture: string, names: readonly string[], use: (folder: string) => void): void {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'apt-'))
  const at = (...path: readonly string[]) => join(folder, ...path)
  try {
    for (const name of ['lists/partial', 'archives/partial', 'debs']) mkdirSync(at(name), { recursive: true })
    writeFileSync(at('status'), '')
    const settings = [
      `APT::Architecture=${architecture}`,
      `APT::Architectures=${architecture}`,
      'APT::Sandbox::User=',
      `Dir::State=${folder}`,
      `Dir::State::status=${at('status')}`,
      `Dir::Cache=${folder}`,
    ].flatMap((setting) => ['-o', setting])
    const apt = (...args: readonly string[]) =>
      execFileSync('apt-get', [...settings, '--quiet=2', ...args], {
        cwd: at('debs'),
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    apt('update')
    apt('download', ...names)
    use(at('debs'))
  } catch (error) {
    const hint = 'if Debian has newer ones, lock them with: node oclif-cli/packaging/base-files.ts'
    throw new Error(`cannot download ${names.join(' ')} for ${architecture} with apt-get; ${hint}`, {
      cause: error,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.main) {
  const found = new Map<string, { version: string; sha256: Record<string, string> }>()
  for (const architecture of IMAGE_ARCHITECTURES)
    withDownloads(architecture, NAMES, (folder) => {
      for (const file of globSync('*.deb', { cwd: folder }).sort()) {
        const path = join(folder, file)
        const [name = '', version = ''] = execFileSync('dpkg-deb', ['--show', path], { encoding: 'utf8' })
          .trim()
          .split('\t')
        const known = found.get(name) ?? { version, sha256: {} }
        if (known.version !== version) throw new Error(`${name} has another version for ${architecture}`)
        known.sha256[architecture] = sha256Of(readFileSync(path))
        found.set(name, known)
      }
    })
  const packages = [...found].map(([name, one]) => ({ name, ...one }))
  writeFileSync(LOCK, `${JSON.stringify(packages, null, 2)}\n`)
}
