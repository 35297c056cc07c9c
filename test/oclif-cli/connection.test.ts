// together: mezctl
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { startFakeHub, TOKEN } from './fake-hub.ts'
import { cleanEnv, MEZCTL, runMezctl, startMezctl } from './run-program.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
hub.answers.set('/roles', [])
const proxy = `hub.localhost:${hub.port}`
const home = join(hub.dir, 'home')
const env = { MEZCTL_HOME: home, MEZITE_BROWSER: '/bin/true' }
const credentials = join(home, 'credentials.json')

/** What a browser does with the hub's page; gives the redirect's target, or the code that the page shows. */
function visit(page: string): Promise<{ location: string | undefined; text: string }> {
  const { host, port, pathname, search } = new URL(page)
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      servername: 'hub.localhost',
      port,
      path: pathname + search,
      headers: { host },
    }
    const asked = request({ ...options, ca: readFileSync(hub.caFile) }, async (answer) => {
      let text = ''
      for await (const chunk of answer) text += chunk
      resolve({ location: answer.headers.location, text })
    })
    asked.on('error', reject)
    asked.end()
  })
}

async function login(args: readonly string[]) {
  const child = startMezctl(['login', '--proxy', proxy, '--ca-file', hub.caFile, ...args], env)
  t.teardown(() => child.kill())
  let out = ''
  child.stdout!.on('data', (chunk) => (out += chunk))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  let page = ''
  for await (const line of createInterface({ input: child.stderr! })) {
    page = /https:\/\/\S+/.exec(line)?.[0] ?? page
    if (page !== '') break
  }
  let err = ''
  child.stderr!.on('data', (chunk) => (err += chunk))
  return { child, page, ended, out: () => out, err: () => err }
}

t.test(
  'login goes through the browser and a loopback listener, and keeps a private credential',
  async (t) => {
    const { page, ended, out } = await login([])
    const asked = new URL(page).searchParams
    t.equal(asked.get('program'), 'mezctl')
    t.ok(asked.get('host'))
    const callback = `http://127.0.0.1:${asked.get('redirect_port')}/callback`
    t.equal((await fetch(`${callback}?code=forged`)).status, 400, 'a forged code does not end the wait')
    t.equal((await fetch(`${callback}/other`)).status, 404)
    const { location } = await visit(page)
    t.match(await (await fetch(location!)).text(), /signed in/)
    t.equal(await ended, 0)
    t.match(out(), new RegExp(`^Signed in to test at ${proxy} as alice; expires in \\d+[mh]\\.`))
    t.notMatch(out(), TOKEN)
    t.equal(statSync(credentials).mode & 0o777, 0o600)
    t.equal(statSync(home).mode & 0o777, 0o700)
    t.match(await runMezctl(['roles', 'ls'], env), { code: 0, out: /No roles yet/ })
    t.equal(hub.seen.at(-1)!.authorization, `Bearer ${TOKEN}`)
  },
)

t.test('a credential that others can read is refused', async (t) => {
  chmodSync(credentials, 0o640)
  t.match(await runMezctl(['roles', 'ls'], env), { code: 1, err: /MEZ_CREDENTIALS_UNSAFE/ })
  chmodSync(credentials, 0o600)
})

t.test('logout ends the session at the hub and forgets the credential', async (t) => {
  t.match(await runMezctl(['logout'], env), { code: 0, out: /^Signed out of/ })
  t.match(hub.seen.at(-1), { method: 'DELETE', url: '/v1/webapi/me/session' })
  t.notMatch(readFileSync(credentials, 'utf8'), TOKEN)
  t.match(await runMezctl(['logout'], env), { code: 1, err: /MEZ_NOT_LOGGED_IN/ })
})

t.test('login --no-browser takes the code that the page shows', async (t) => {
  const none = await login(['--no-browser'])
  none.child.stdin!.write('\n')
  t.equal(await none.ended, 1)
  t.match(none.err(), /MEZ_LOGIN_FAILED/)
  const { child, page, ended } = await login(['--no-browser'])
  t.notOk(new URL(page).searchParams.has('redirect_port'))
  child.stdin!.write(`${(await visit(page)).text}\n`)
  t.equal(await ended, 0)
  t.match(await runMezctl(['roles', 'ls'], env), { code: 0 })
  const kept = JSON.parse(readFileSync(credentials, 'utf8'))
  kept.profiles[proxy].expires = '2020-01-01T00:00:00Z'
  writeFileSync(credentials, JSON.stringify(kept))
  t.match(await runMezctl(['roles', 'ls'], env), { code: 1, err: /MEZ_LOGIN_EXPIRED/ })
})

t.test(
  'K146 the certificate of the hub is always verified; a CA file or NODE_EXTRA_CA_CERTS is honoured',
  async (t) => {
    const token = { MEZITE_AUTH_TOKEN: TOKEN, MEZITE_PROXY: proxy }
    t.match(await runMezctl(['roles', 'ls'], token), {
      code: 1,
      err: /\(MEZ_TLS_UNTRUSTED\)\n.*MEZITE_CA_FILE beside .*NODE_EXTRA_CA_CERTS/,
    })
    t.match(await runMezctl(['roles', 'ls'], { ...token, MEZITE_CA_FILE: hub.caFile }), { code: 0 })
    t.match(await runMezctl(['roles', 'ls'], { ...token, NODE_EXTRA_CA_CERTS: hub.caFile }), { code: 0 })
    const other = { ...token, MEZITE_PROXY: `localhost:${hub.port}`, MEZITE_CA_FILE: hub.caFile }
    t.match(
      await runMezctl(['roles', 'ls'], other),
      { code: 1, err: /MEZ_TLS_UNTRUSTED\)\n.*proxy\.public_addr/ },
      'another name',
    )
    const refused = await runMezctl(['roles', 'ls'], {
      ...token,
      MEZITE_AUTH_TOKEN: 'old',
      MEZITE_CA_FILE: hub.caFile,
    })
    t.match(refused, { code: 1, err: /\(unauthenticated\)\n.*MEZITE_AUTH_TOKEN/ })
    t.match(await runMezctl(['roles', 'ls'], { MEZITE_AUTH_TOKEN: 'x' }), { code: 2, err: /MEZITE_PROXY/ })
  },
)

t.test('audit ls pages; audit tail reconnects, and prints every event once', async (t) => {
  const socket = { MEZITE_DATA_DIR: hub.dir }
  for (let id = 0; id < 1200; id++) hub.events.push({ id: `e${id}`, type: 'user.login', user: 'alice' })
  const listed = await runMezctl(['audit', 'ls', '--limit', '1100', '--json'], socket)
  t.same(JSON.parse(listed.out), hub.events.slice(-1100).reverse(), 'the newest ones first')
  t.match(listed.err, /only the newest 1100 events shown; .* --all/)
  const all = await runMezctl(['audit', 'ls', '--from', '1h', '--all', '--json'], socket)
  t.same(JSON.parse(all.out), hub.events.toReversed())
  t.equal(all.err, '')
  t.match((await runMezctl(['audit', 'ls', '--limit', '1200', '--json'], socket)).err, /^$/, 'nothing is cut')
  const first = hub.tailed()
  const child = startMezctl(['audit', 'tail', '--json'], socket)
  t.teardown(() => child.kill())
  child.stderr!.resume()
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  await first
  hub.sendEvent(hub.events.at(-1)!)
  t.match(JSON.parse((await lines.next()).value!), { id: 'e1199' })
  const second = hub.tailed()
  hub.cutTails()
  hub.events.push({ id: 'missed', type: 'user.login' })
  await second
  t.match(JSON.parse((await lines.next()).value!), { id: 'missed' })
  hub.sendEvent({ id: 'missed' })
  hub.sendEvent({ id: 'later' })
  t.match(JSON.parse((await lines.next()).value!), { id: 'later' })
})

const PTY = `
import os, pty, sys
answer = sys.argv[1].encode()
def read(fd):
    data = os.read(fd, 1024)
    if b'[y/N]' in data: os.write(fd, answer + b'\\n')
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read)))
`

t.test('a destructive command asks for confirmation on a terminal', async (t) => {
  mkdirSync(join(hub.dir, 'pty'))
  const script = join(hub.dir, 'pty', 'answer.py')
  writeFileSync(script, PTY)
  const answer = (text: string, ...more: string[]) =>
    new Promise<{ code: number | null; out: string }>((resolve, reject) => {
      const args = [script, text, process.execPath, MEZCTL, 'apps', 'rm', 'x', ...more]
      const child = spawn('/usr/bin/python3', args, {
        env: cleanEnv({ MEZITE_DATA_DIR: hub.dir }),
        timeout: 180_000,
      })
      let out = ''
      child.stdout.on('data', (chunk) => (out += chunk))
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, out }))
    })
  const before = hub.seen.length
  t.match(await answer('n'), { code: 1, out: /Remove app x\?.*\[y\/N\][\s\S]*\(MEZ_NOT_CONFIRMED\)/ })
  t.equal(hub.seen.length, before, 'nothing was sent')
  t.match(await answer('y'), { code: 0, out: /Removed app x/ })
  t.equal(hub.seen.length, before + 1)
  const unasked = await answer('n', '--yes')
  t.equal(unasked.code, 0)
  t.notMatch(unasked.out, /y\/N/)
})
