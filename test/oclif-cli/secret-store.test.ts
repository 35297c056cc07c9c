// needs: secret-tool, gnome-keyring
/** Logins whose secrets are in the store of the system: the real Secret Service, and the commands of macOS and Windows as stand-ins. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { createAppTokens } from '../../oclif-cli/msh/app-tokens.ts'
import type { HubClient } from '../../oclif-cli/shared/hub-client.ts'
import { programSecrets } from '../../oclif-cli/shared/private-file.ts'
import { createProfileStore, type Profile } from '../../oclif-cli/shared/profile-store.ts'
import { systemSecrets } from '../../oclif-cli/shared/secret-store.ts'
import type { Identity } from '../../oclif-cli/shared/user-identity.ts'

const folder = mkdtempSync(join(tmpdir(), 'mezite-secrets-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const SECRETS = ['a-token-of-alice', '-----BEGIN PRIVATE KEY-----\nabc\n']

interface Login extends Profile {
  readonly key: string
}
const login = (proxy = 'hub.example.com:8443'): Login => ({
  proxy,
  token: SECRETS[0]!,
  key: SECRETS[1]!,
  expires: '2030-01-01T00:00:00Z',
  user: 'alice',
  cluster: 'example',
  ca: null,
  hub_ca: null,
})

/** Runs on another platform, whose commands are in `bin`. */
function on<T>(platform: string, bin: string, run: () => T): T {
  const before = Object.getOwnPropertyDescriptor(process, 'platform')!
  const { PATH = '' } = process.env
  Object.defineProperty(process, 'platform', { ...before, value: platform })
  process.env.PATH = `${bin}${delimiter}${PATH}`
  try {
    return run()
  } finally {
    Object.defineProperty(process, 'platform', before)
    process.env.PATH = PATH
  }
}

/** A stand-in: it writes its arguments to `arguments`, and keeps one file for each account. */
function command(bin: string, name: string, body: string): void {
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, name), `#!/bin/sh\nprintf '%s\\n' "$@" >> ${bin}/arguments\n${body}`)
  chmodSync(join(bin, name), 0o755)
}

/** Puts, reads and removes a login, and looks at what is where. */
function checkStore(t: Test, dir: string, name: string): void {
  const secrets = systemSecrets('mezite-test')
  const store = createProfileStore<Login>(dir, ['key'], secrets)
  store.put(login())
  const file = readFileSync(store.file, 'utf8')
  for (const secret of SECRETS)
    t.notOk(file.includes(JSON.stringify(secret).slice(1, -1)), 'the file has no secret')
  t.match(JSON.parse(file).profiles['hub.example.com:8443'], {
    user: 'alice',
    token: '',
    key: '',
    kept: name,
  })
  t.strictSame(store.get(), login(), 'read again')
  t.match(store.list(), [{ user: 'alice', token: '' }])
  store.put({ ...login(), token: 'newer' })
  t.equal(store.get()?.token, 'newer')
  secrets!.remove('hub.example.com:8443')
  t.throws(() => store.get(), {
    code: 'MEZ_FILE_UNREADABLE',
    message: `is in ${name}, which does not return it`,
  })
  store.put(login())
  store.remove('hub.example.com:8443')
  t.equal(secrets!.get('hub.example.com:8443'), null, 'nothing is left behind')
  t.equal(store.get(), null)
}

t.test('the Keychain keeps secrets, which no other user sees among the arguments', (t) => {
  const bin = join(folder, 'mac')
  // As security(1): a line of "security -i" adds, and -X is hexadecimal.
  command(
    bin,
    'security',
    `cd ${bin}
case $1 in
  -i) read -r _ _ _ service _ account _ hex; printf %s "$hex" | sed 's/../\\\\x&/g' | xargs -0 printf > "item-$service-$account";;
  find-generic-password) cat "item-$3-$5" 2>/dev/null || exit 44; echo;;
  delete-generic-password) rm "item-$3-$5" 2>/dev/null || exit 44;;
esac
`,
  )
  on('darwin', bin, () => checkStore(t, join(folder, 'mac-home'), 'the Keychain'))
  const seen = readFileSync(join(bin, 'arguments'), 'utf8')
  for (const secret of SECRETS)
    for (const text of [
      secret,
      Buffer.from(secret).toString('base64').slice(0, 16),
      Buffer.from(secret).toString('hex'),
    ])
      t.notOk(seen.includes(text))
  t.end()
})

t.test('the Credential Manager keeps secrets, which no other user sees among the arguments', (t) => {
  const bin = join(folder, 'windows')
  const program = join(bin, 'vault.cjs')
  command(bin, 'powershell.exe', `exec ${process.execPath} ${program}\n`)
  writeFileSync(
    program,
    `const fs = require('node:fs')
const ask = JSON.parse(fs.readFileSync(0, 'utf8'))
const file = ${JSON.stringify(`${bin}/item-`)} + ask.account.replace(':', '_')
if (ask.do === 'set') fs.writeFileSync(file, ask.text)
if (ask.do === 'remove') fs.rmSync(file, { force: true })
if (ask.do === 'get') process.stdout.write(fs.readFileSync(file))
`,
  )
  on('win32', bin, () => checkStore(t, join(folder, 'windows-home'), 'the Credential Manager'))
  const seen = readFileSync(join(bin, 'arguments'), 'utf8')
  t.match(seen, 'PasswordVault')
  for (const secret of SECRETS) t.notOk(seen.includes(Buffer.from(secret).toString('base64').slice(0, 16)))
  t.end()
})

t.test('short tokens for git, Docker and kubectl are in the store of the system as well', async (t) => {
  const bin = join(folder, 'tokens')
  const dir = join(folder, 'tokens-home')
  command(
    bin,
    'security',
    `cd ${bin}
case $1 in
  -i) read -r _ _ _ service _ account _ hex; printf %s "$hex" | sed 's/../\\\\x&/g' | xargs -0 printf > "item-$account";;
  find-generic-password) cat "item-$5" 2>/dev/null || exit 44; echo;;
  delete-generic-password) rm "item-$5" 2>/dev/null || exit 44;;
esac
`,
  )
  let issued = 0
  const call = async () => ({
    access_token: `mezite_at_${++issued}`,
    expires: new Date(Date.now() + 3_600_000).toISOString(),
    resource: 'https://git.apps.example.com:8443/',
  })
  const tokensOf = (sessionId: string) =>
    createAppTokens(
      { proxy: { name: 'hub.example.com' }, sessionId } as unknown as Identity,
      { call } as unknown as HubClient,
      dir,
      on('darwin', bin, () => systemSecrets('mezite-test')),
    )
  const { PATH } = process.env
  process.env.PATH = `${bin}${delimiter}${PATH}`
  t.teardown(() => {
    process.env.PATH = PATH
  })
  const item = join(bin, 'item-token:git.apps.example.com:8443')
  const tokens = tokensOf('one')
  t.equal((await tokens.of('git')).token, 'mezite_at_1')
  t.equal((await tokens.of('git')).token, 'mezite_at_1', 'given again')
  t.equal((await tokens.at('git.apps.example.com:8443'))?.token, 'mezite_at_1')
  t.notMatch(readFileSync(join(dir, 'tokens.json'), 'utf8'), 'mezite_at_1')
  rmSync(item)
  t.equal((await tokens.of('git')).token, 'mezite_at_2', 'a store that lost it')
  tokens.forget('git.apps.example.com:8443')
  t.notOk(existsSync(item), 'forgotten in the store too')
  await tokens.of('git')
  t.ok(existsSync(item))
  t.strictSame(tokensOf('two').hosts(), [], 'not for the next login')
  await tokensOf('two').of('git')
  t.equal((await tokensOf('two').of('git')).token, 'mezite_at_4')
  command(bin, 'security', 'exit 1\n')
  const locked = tokensOf('three')
  t.equal((await locked.of('git')).token, 'mezite_at_5')
  t.match(
    readFileSync(join(dir, 'tokens.json'), 'utf8'),
    'mezite_at_5',
    'in the file where the store is locked',
  )
  t.equal((await locked.of('git')).token, 'mezite_at_5')
})

t.test('a store that does not take a secret leaves it in the file of the user', (t) => {
  const bin = join(folder, 'locked')
  // A locked Keychain, as over ssh; and one that says yes and keeps nothing.
  for (const status of [1, 0]) {
    command(bin, 'security', `exit ${status}\n`)
    on('darwin', bin, () => {
      const store = createProfileStore<Login>(
        join(folder, `locked-${status}`),
        ['key'],
        systemSecrets('mezite-test'),
      )
      store.put(login())
      t.strictSame(store.get(), login())
      t.match(JSON.parse(readFileSync(store.file, 'utf8')).profiles, { 'hub.example.com:8443': login() })
      store.remove('hub.example.com:8443')
      t.equal(store.get(), null)
    })
  }
  on('darwin', bin, () =>
    t.equal(systemSecrets('mezite-test')!.put('a b -X 00', 'secret'), false, 'no second word'),
  )
  t.end()
})

t.test('everything is in the folder that a variable names, and in files without a desktop', (t) => {
  const before = { ...process.env }
  t.teardown(() => {
    process.env = before
  })
  process.env.MSH_HOME = join(folder, 'named')
  t.equal(
    on('darwin', folder, () => programSecrets('MSH_HOME', 'mezite-msh')),
    null,
  )
  delete process.env.MSH_HOME
  t.equal(on('darwin', folder, () => programSecrets('MSH_HOME', 'mezite-msh'))?.name, 'the Keychain')
  delete process.env.DBUS_SESSION_BUS_ADDRESS
  t.equal(
    on('linux', folder, () => programSecrets('MSH_HOME', 'mezite-msh')),
    null,
  )
  t.equal(
    on('freebsd', folder, () => programSecrets('MSH_HOME', 'mezite-msh')),
    null,
  )
  t.end()
})

t.test('the Secret Service of a desktop keeps secrets', (t) => {
  const source = join(import.meta.dirname, '../../oclif-cli/shared')
  const program = join(folder, 'desktop.mjs')
  writeFileSync(
    program,
    `const [source, dir] = process.argv.slice(2)
const { systemSecrets } = await import(source + '/secret-store.ts')
const { createProfileStore } = await import(source + '/profile-store.ts')
const { readFileSync } = await import('node:fs')
const secrets = systemSecrets('mezite-test')
const store = createProfileStore(dir, ['key'], secrets)
store.put(${JSON.stringify(login())})
const file = readFileSync(store.file, 'utf8')
const read = store.get()
store.remove('hub.example.com:8443')
console.log(JSON.stringify({ name: secrets.name, file, read, left: secrets.get('hub.example.com:8443') }))
`,
  )
  const home = join(folder, 'desktop')
  mkdirSync(home)
  const script = 'printf x | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec "$@"'
  const node = [process.execPath, '--conditions=mezite-source', program, source, join(home, '.msh')]
  const { stdout, stderr } = spawnSync('dbus-run-session', ['--', 'sh', '-c', script, 'sh', ...node], {
    encoding: 'utf8',
    timeout: 120_000,
    env: { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: home },
  })
  t.ok(stdout, stderr)
  const { name, file, read, left } = JSON.parse(stdout || '{}')
  t.equal(name, 'the Secret Service')
  t.match(JSON.parse(file).profiles['hub.example.com:8443'], { token: '', key: '', kept: name })
  t.strictSame(read, login())
  t.equal(left, null)
  t.ok(existsSync(join(home, '.local/share/keyrings')) || existsSync(join(home, '.gnome2')))
  t.end()
})
