// together: msh
/** What programs of people do on Windows and macOS: the platform is faked, the files are real. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { text as textOfStream } from 'node:stream/consumers'
import { zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { curlConfig } from '../../oclif-cli/msh/curl-config.ts'
import { readPrivateFile, writePrivateFile } from '../../oclif-cli/shared/private-file.ts'
import { root, textOf } from '../read-imports.ts'
import { otherPlatform } from './other-platform.ts'

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

t.test('curl gets the token in a file that nobody else can open, on each system', async (t) => {
  const app = createServer((request, response) => response.end(request.headers.authorization)).listen(
    0,
    '127.0.0.1',
  )
  t.teardown(() => app.close())
  await once(app, 'listening')
  const { port } = app.address() as AddressInfo
  for (const platform of ['linux', 'darwin', 'win32']) {
    const config = on(platform, () => curlConfig('header = "Authorization: Bearer secret"\n'))
    const child = spawn('curl', ['--silent', '--config', config.path, `http://127.0.0.1:${port}/`], {
      stdio: [config.stdio[0]!, 'pipe', ...config.stdio.slice(2)],
    })
    config.started()
    const [text] = await Promise.all([textOfStream(child.stdout!), once(child, 'close')])
    t.equal(text, 'Bearer secret', platform)
    if (platform === 'win32') t.equal(statSync(config.path).mode & 0o777, 0o600)
    config.ended()
    t.notOk(platform === 'win32' && existsSync(dirname(config.path)), 'nothing is left')
  }
})

/** What a program of people does on another system: `text` is a module, which `process.platform` tells that system from its first import on. */
function runOn(platform: 'win32' | 'darwin', text: string, env: NodeJS.ProcessEnv = {}) {
  const preload = `--require=${otherPlatform(platform, folder)}`
  const args = ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning', preload]
  return spawnSync(process.execPath, [...args, '--input-type=module', '--eval', text], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
  })
}
const shared = JSON.stringify(join(root, 'oclif-cli/shared'))

t.test('a login opens the browser of each system, whose address is one argument', (t) => {
  const login = `const { waitForRedirect } = await import(${shared} + '/browser-login.ts')
const page = new URL('https://hub.example.com/web/cli?challenge=a&host=b%20c')
setTimeout(() => process.exit(0), 20_000)
waitForRedirect(page, { name: 'hub.example.com' }, async () => 'done').catch(() => {})
const { existsSync } = await import('node:fs')
while (!existsSync(process.env.SEEN)) await new Promise((resolve) => setTimeout(resolve, 20))
process.exit(0)`
  const powershell = '\\System32\\WindowsPowerShell\\v1.0\\powershell.exe'
  for (const [platform, command] of [
    ['darwin', 'open'],
    ['win32', `root${powershell}`],
  ] as const) {
    const bin = join(folder, `browser-${platform}`)
    mkdirSync(bin)
    const seen = join(bin, 'seen')
    writeFileSync(
      join(bin, command),
      `#!/bin/sh\nprintf '%s\\n' "$@" > ${seen}.draft && mv ${seen}.draft ${seen}\n`,
    )
    chmodSync(join(bin, command), 0o755)
    const { stderr, status } = runOn(platform, login, {
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      SYSTEMROOT: join(bin, 'root'),
      SEEN: seen,
    })
    t.equal(status, 0, stderr)
    const words = readFileSync(seen, 'utf8').trim().split('\n')
    const address = /https:\/\/hub\.example\.com\/web\/cli\?challenge=a&host=b(%20|\+)c&redirect_port=\d+$/
    if (platform === 'darwin') t.match(words, [address])
    else {
      // A command for PowerShell, in which the address is a string that ends nowhere else.
      const script = Buffer.from(words.at(-1)!, 'base64').toString('utf16le')
      t.match(script, /Start '?"?https:\/\/hub\.example\.com\/[^'"\s]+'?"?$/, script)
    }
    t.match(stderr, /^Opening https:\/\/hub\.example\.com/m, 'the address is also in the terminal')
  }
  const none = runOn(
    'darwin',
    login.replace('while (', 'setTimeout(() => process.exit(3), 3_000)\nwhile ('),
    {
      PATH: '/nonexistent',
      SEEN: join(folder, 'never'),
    },
  )
  t.match(none.stderr, /No browser could be started\. Open the address above yourself\./)
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
