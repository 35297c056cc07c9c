// together: quick
/** What programs of people do on Windows and macOS: the platform is faked, the files are real. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { readPrivateFile, writePrivateFile } from '../../oclif-cli/shared/private-file.ts'
import { textOf } from '../read-imports.ts'

const folder = mkdtempSync(join(tmpdir(), 'mezite-platforms-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** Runs with another `process.platform`. */
function on<T>(platform: string, run: () => T): T {
  const before = Object.getOwnPropertyDescriptor(process, 'platform')!
  Object.defineProperty(process, 'platform', { ...before, value: platform })
  try {
    return run()
  } finally {
    Object.defineProperty(process, 'platform', before)
  }
}

t.test('a file with secrets is read on Windows, which reports the mode 0666 for every file', (t) => {
  const file = join(folder, 'credentials.json')
  writePrivateFile(file, '{}')
  chmodSync(file, 0o666)
  t.equal(
    on('win32', () => readPrivateFile(file)),
    '{}',
  )
  for (const platform of ['linux', 'darwin'])
    t.throws(() => on(platform, () => readPrivateFile(file)), { code: 'MEZ_CREDENTIALS_UNSAFE' }, platform)
  t.end()
})

/** Starts the main script of a single executable as on another system; returns the file that it runs, or what it prints. */
function startExecutable(platform: string, env: Readonly<Record<string, string>>, home: string): string {
  const source = textOf('oclif-cli/packaging/executable-start.cjs').replace(
    'import(pathToFileURL',
    'load(pathToFileURL',
  )
  const require = createRequire(import.meta.url)
  const files = [['node_modules/@mezite/msh/msh.js', 'hello']] as const
  const description = {
    program: 'msh',
    entry: files[0][0],
    id: '1.2.3-abc',
    files: files.map(([path, content]) => [path, content.length]),
  }
  const contents = zstdCompressSync(Buffer.from(files.map(([, content]) => content).join('')))
  const modules: Readonly<Record<string, object>> = {
    'node:os': { homedir: () => home },
    'node:sea': { getAsset: () => JSON.stringify(description), getRawAsset: () => contents },
  }
  let printed = ''
  let loaded = ''
  const fake = {
    platform,
    env,
    argv: ['msh', 'msh', '--version'],
    // Windows has no numbers of users.
    ...(platform !== 'win32' && { getuid: () => process.getuid!() }),
    stderr: {
      write: (text: string) => {
        printed += text
      },
    },
    exit: () => {
      throw new Error(printed)
    },
  }
  const run = new Function('require', 'process', 'load', source)
  run(
    (name: string) => modules[name] ?? require(name),
    fake,
    (url: string) => {
      loaded = url
    },
  )
  return loaded
}

t.test('an executable unpacks into the folder that each system has for caches', (t) => {
  for (const [platform, path, variable] of [
    ['win32', 'AppData/Local', 'LOCALAPPDATA'],
    ['darwin', 'Library/Caches', 'XDG_CACHE_HOME'],
    ['linux', '.cache', 'XDG_CACHE_HOME'],
  ] as const) {
    const home = join(folder, platform)
    const entry = 'mezite/msh-1.2.3-abc/node_modules/@mezite/msh/msh.js'
    t.equal(startExecutable(platform, {}, home), `file://${join(home, path, entry)}`)
    t.equal(readFileSync(join(home, path, entry), 'utf8'), 'hello')
    const named = join(folder, `${platform}-named`)
    t.equal(startExecutable(platform, { [variable]: named }, home), `file://${join(named, entry)}`, variable)
  }
  t.end()
})

t.test('an executable runs nothing that others could have changed, where modes mean something', (t) => {
  const open = (platform: string) => {
    const home = join(folder, `open-${platform}`)
    const caches = join(
      home,
      platform === 'win32' ? 'AppData/Local' : platform === 'darwin' ? 'Library/Caches' : '.cache',
    )
    mkdirSync(join(caches, 'mezite'), { recursive: true })
    chmodSync(join(caches, 'mezite'), 0o777)
    return () => startExecutable(platform, {}, home)
  }
  for (const platform of ['linux', 'darwin'])
    t.throws(open(platform), /other users can write to .*\nSet XDG_CACHE_HOME to a folder/s, platform)
  t.doesNotThrow(open('win32'))
  writeFileSync(join(folder, 'taken'), '')
  t.throws(
    () => startExecutable('win32', { LOCALAPPDATA: join(folder, 'taken') }, folder),
    /cannot unpack msh: .*\nSet LOCALAPPDATA to a folder/s,
  )
  t.notOk(existsSync(join(folder, 'taken/mezite')))
  t.end()
})
