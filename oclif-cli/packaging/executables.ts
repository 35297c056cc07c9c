/**
 * `npm run executables [-- --program NAME] [--arch x64|arm64]`: single executables for Linux, in `dist/executables`. Each
 * is Node.js with the files of one program.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { inject } from 'postject'
import { type Program, programFiles, programs } from './program-files.ts'
import { stageAll } from './staging.ts'
import { manifestOf, root } from './workspaces.ts'

const ARCHITECTURES = ['x64', 'arm64'] as const
type Architecture = (typeof ARCHITECTURES)[number]

export interface ExecutableOptions {
  readonly program: Program
  readonly architectures: readonly Architecture[]
  /** The folder that contains the packages of this repository as they are published, by name. */
  readonly staged: string
  /** The folder for the executables. */
  readonly target: string
  /** Of Zstandard, 1 to 22. Default: 15. */
  readonly level?: number
}

/** Node.js looks for this text in its own executable, where the injection changes its last character. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** Writes `PROGRAM-linux-ARCHITECTURE` for each architecture; returns the paths. */
export async function writeExecutables(options: ExecutableOptions): Promise<readonly string[]> {
  const { program, architectures, staged, target } = options
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
    writeFileSync(
      file('config.json'),
      JSON.stringify({
        main: join(import.meta.dirname, 'executable-start.cjs'),
        output: file('blob'),
        disableExperimentalSEAWarning: true,
        // Code that one processor has compiled does not run on another.
        useCodeCache: false,
        assets: { program: file('program'), contents: file('contents') },
      }),
    )
    // The format of the blob belongs to a version of Node.js.
    execFileSync(nodeBinary(process.arch), ['--experimental-sea-config', file('config.json')], {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const blob = readFileSync(file('blob'))
    const outputs: string[] = []
    for (const architecture of architectures) {
      const output = join(target, `${program}-linux-${architecture}`)
      copyFileSync(nodeBinary(architecture), output)
      await injectQuietly(output, blob)
      outputs.push(output)
    }
    return outputs
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The library warns about names of ELF sections that it does not change. */
async function injectQuietly(executable: string, blob: Buffer): Promise<void> {
  const { warn } = console
  console.warn = () => {}
  try {
    await inject(executable, 'NODE_SEA_BLOB', blob, { sentinelFuse: FUSE })
  } finally {
    console.warn = warn
  }
}

const cache = join(root, 'node_modules/.cache/node')

/** The pinned Node.js for a processor; that of another processor comes from the registry, checked against the lock file. */
export function nodeBinary(architecture: string): string {
  const name = `node-linux-${architecture}`
  const installed = join(root, 'node_modules', name, 'bin/node')
  if (existsSync(installed)) return installed
  const version = manifestOf(root).optionalDependencies?.[name]
  if (version === undefined) throw new Error(`package.json pins no Node.js for the processor ${architecture}`)
  const folder = join(cache, `${name}-${version}`)
  const binary = join(folder, 'package/bin/node')
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  const args = ['pack', `${name}@${version}`, '--silent', '--pack-destination', folder]
  const tarball = join(folder, execFileSync('npm', args, { cwd: folder, encoding: 'utf8' }).trim())
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const digest = createHash('sha512').update(readFileSync(tarball)).digest('base64')
  if (packages[`node_modules/${name}`]?.integrity !== `sha512-${digest}`)
    throw new Error(`${tarball} is not the package that package-lock.json names`)
  execFileSync('tar', ['-xzf', tarball, '-C', folder, 'package/bin/node'])
  rmSync(tarball)
  return binary
}

/** Lines of `sha256sum`, with which a download can be checked. */
const checksums = (files: readonly string[]): string =>
  files
    .map((file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${basename(file)}\n`)
    .join('')

if (import.meta.main) {
  const { values } = parseArgs({
    options: { program: { type: 'string' }, arch: { type: 'string' } },
  })
  const names = (Object.keys(programs) as Program[]).filter((name) => (values.program ?? name) === name)
  const architectures = ARCHITECTURES.filter((name) => (values.arch ?? name) === name)
  const target = join(root, 'dist/executables')
  const staged = mkdtempSync(join(tmpdir(), 'mezite-staged-'))
  try {
    await stageAll(staged)
    rmSync(target, { recursive: true, force: true })
    mkdirSync(target, { recursive: true })
    const outputs: string[] = []
    for (const program of names)
      outputs.push(...(await writeExecutables({ program, architectures, staged, target })))
    for (const output of outputs)
      process.stdout.write(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB\n`)
    writeFileSync(join(target, 'SHA256SUMS'), checksums(outputs))
  } finally {
    rmSync(staged, { recursive: true })
  }
}
