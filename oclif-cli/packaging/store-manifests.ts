/** What package managers of other projects read: a Homebrew formula, a winget manifest, and the Helm chart. */
import { join } from 'node:path'
import { gzipped, membersOf, tarOf } from './archive.ts'
import { manifestOf, root } from './workspaces.ts'

/** The address of this project, without a slash at its end. */
const projectUrl = (): string => manifestOf(root).repository!.url!.replace(/^git\+|\.git$/g, '')

/** Where a file of a release is downloaded. */
export const downloadUrl = (version: string, file: string): string =>
  `${projectUrl()}/releases/download/v${version}/${file}`

/** A program of people in a release. */
export interface ReleasedProgram {
  readonly name: 'msh' | 'mezctl'
  readonly summary: string
  readonly version: string
  /** SHA-256 in hexadecimal, by the name of the file. */
  readonly sums: ReadonlyMap<string, string>
}

function sumOf({ sums, name }: ReleasedProgram, file: string): string {
  const sum = sums.get(file)
  if (sum === undefined) throw new Error(`the release has no file ${file} for ${name}`)
  return sum
}

/** A formula: on Linux the executable, on macOS the npm package with Homebrew's Node.js. */
export function homebrewFormula(program: ReleasedProgram): string {
  const { name, version, summary } = program
  const download = (file: string, indent: string) =>
    `${indent}url "${downloadUrl(version, file)}"\n${indent}sha256 "${sumOf(program, file)}"\n`
  return `class ${name[0]!.toUpperCase()}${name.slice(1)} < Formula
  desc "${summary}"
  homepage "${projectUrl()}"
  version "${version}"
  license "Apache-2.0"

  on_macos do
${download(`mezite-${name}-${version}.tgz`, '    ')}
    depends_on "node"
  end

  on_linux do
    on_intel do
${download(`${name}-linux-x64`, '      ')}    end

    on_arm do
${download(`${name}-linux-arm64`, '      ')}    end
  end

  def install
    if OS.mac?
      system "npm", "install", *std_npm_args
      bin.install_symlink libexec.glob("bin/*")
    else
      bin.install Dir["${name}-linux-*"].first => "${name}"
    end
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/${name} --version")
  end
end
`
}

const WINGET = '1.9.0'

/** The three files of a winget manifest, by name. */
export function wingetManifest(program: ReleasedProgram): ReadonlyMap<string, string> {
  const { name, version, summary } = program
  const file = `${name}-windows-x64.exe`
  const id = `Mezite.${name}`
  const texts = (type: string, lines: string) =>
    `PackageIdentifier: ${id}\nPackageVersion: ${version}\n${lines}ManifestType: ${type}\nManifestVersion: ${WINGET}\n`
  return new Map([
    [`${id}.yaml`, texts('version', 'DefaultLocale: en-US\n')],
    [
      `${id}.installer.yaml`,
      texts(
        'installer',
        `InstallerType: portable\nCommands: [${name}]\nInstallers:\n  - Architecture: x64\n    InstallerUrl: ${downloadUrl(version, file)}\n    InstallerSha256: ${sumOf(program, file).toUpperCase()}\n`,
      ),
    ],
    [
      `${id}.locale.en-US.yaml`,
      texts(
        'defaultLocale',
        `PackageLocale: en-US\nPublisher: Mezite\nPackageName: ${name}\nLicense: Apache-2.0\nShortDescription: ${summary}\nPackageUrl: ${projectUrl()}\n`,
      ),
    ],
  ])
}

const CHART = join(root, 'examples/kubernetes')

/** The chart as an archive for Helm, with the version of the release and its images by digest. */
export function chartArchive(
  version: string,
  images: Readonly<Record<'hub' | 'agent', string>>,
  seconds: number,
): Buffer {
  const members = membersOf(CHART, 'mezite').map((member) => {
    if (!('content' in member)) return member
    const text = member.content.toString()
    if (member.path === 'mezite/Chart.yaml')
      return { ...member, content: text.replace(/^(version|appVersion): .*$/gm, `$1: ${version}`) }
    if (member.path === 'mezite/values.yaml') {
      const replaced = text.replace(
        /^ {2}image: mezite-(hub|agent):.*$/gm,
        (_, name: 'hub' | 'agent') => `  image: ${images[name]}`,
      )
      return { ...member, content: replaced }
    }
    return member
  })
  return gzipped(tarOf(members, seconds))
}
