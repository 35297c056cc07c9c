// together: programs
/** The action for GitHub and the template for GitLab: the very files, run with what the platforms set, against a hub and an issuer. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { startWorld } from '../plugins/authorization-server/world.ts'
import { until } from '../until.ts'

const PLACE = join(import.meta.dirname, '../../examples/operations')
const folder = mkdtempSync(join(tmpdir(), 'mezite-ci-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const { hub, issuer, received } = await startWorld(t)
const app = hub.appUrl('one')
const trust = [{ issuer: issuer.url, audience: hub.signInUrl, claims: { repository: 'example/shop' } }]
for (const name of ['ci', 'other'])
  await hub.api('PUT', `/bots/${name}`, {
    kind: 'bot',
    version: 'v1',
    metadata: { name },
    spec: { roles: ['staff'], trust },
  })
let signed = 0
const idToken = (aud: string, repository = 'example/shop') => {
  const now = Math.floor(Date.now() / 1_000)
  const about = { iss: issuer.url, sub: 'job', aud, repository, iat: now, exp: now + 60 }
  return issuer.sign({ ...about, jti: `job-${signed++}` })
}
const opens = async (token: string) => {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  return (await hub.visitor().fetch(`${app}/`, { headers })).status
}
const ended = (count: number) =>
  until(async () => {
    const all = await hub.api<{ user: string }[]>('GET', '/audit?type=token.revoked')
    return all.filter(({ user }) => user === 'bot:ci').length >= count
  }, 'the record of the end')

interface Done {
  readonly code: number
  readonly out: string
  readonly err: string
}
const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
  new Promise<Done>((resolve) => {
    const all = { PATH: process.env.PATH ?? '', ...env }
    execFile(command, args, { env: all, timeout: 60_000, cwd: folder }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    )
  })

t.test('the action for GitHub logs a bot in for a job, and out when the job is over', async (t) => {
  const asked: string[] = []
  let repository = 'example/shop'
  const runner = createServer(({ headers, url = '' }, response) => {
    asked.push(`${headers.authorization} ${url}`)
    const aud = new URL(url, 'http://runner').searchParams.get('audience') ?? ''
    response.end(JSON.stringify({ value: idToken(aud, repository) }))
  })
  await new Promise<void>((resolve) => runner.listen(0, '127.0.0.1', resolve))
  t.teardown(() => runner.close())
  const action = parse(readFileSync(join(PLACE, 'github-action/action.yml'), 'utf8'))
  t.match(action.runs, { using: /^node2[4-9]$/, main: 'login.mjs', post: 'login.mjs' })
  // The names of this hub are known to browsers, and not to every resolver.
  const names = join(folder, 'names.mjs')
  writeFileSync(
    names,
    "import dns from 'node:dns'; const { lookup } = dns\n" +
      "dns.lookup = (name, ...rest) => lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, ...rest)\n",
  )
  const file = (name: string) => join(folder, name)
  const job = {
    ...{ GITHUB_OUTPUT: file('output'), GITHUB_STATE: file('state') },
    ...{ NODE_OPTIONS: `--import=${names}`, NODE_EXTRA_CA_CERTS: hub.caFile },
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(runner.address() as AddressInfo).port}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-runner',
    ...{ INPUT_HUB: `${hub.signInUrl}/`, INPUT_BOT: 'ci', INPUT_APP: app, INPUT_AUDIENCE: '' },
  }
  const step = (name: 'main' | 'post', env: Readonly<Record<string, string>>) => {
    for (const one of ['output', 'state']) writeFileSync(file(one), '')
    return run(process.execPath, [join(PLACE, 'github-action', action.runs[name])], env)
  }
  /** The variables of the second run, as the runner makes them. */
  const stored = () =>
    Object.fromEntries(
      readFileSync(file('state'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => [`STATE_${line.split('=')[0]}`, line.slice(line.indexOf('=') + 1)]),
    )

  const done = await step('main', job)
  t.strictSame([done.code, done.err], [0, ''], done.out)
  t.strictSame(asked, [
    `Bearer of-the-runner /token?api-version=2.0&audience=${encodeURIComponent(hub.signInUrl)}`,
  ])
  const [, token = ''] = /^token=(mezite_at_[\w-]{43})\n$/.exec(readFileSync(file('output'), 'utf8')) ?? []
  t.equal(done.out, `::add-mask::${token}\n`, 'it masks the token, and says nothing else')
  t.equal(await opens(token), 200)
  t.match(received.at(-1)?.headers, { 'x-mezite-user': 'bot:ci' })
  const state = stored()

  t.match(await step('main', { ...job, INPUT_BOT: 'other' }), { code: 0 })
  const other = stored()
  const wrong = await step('post', { ...job, ...state, STATE_bot: 'other' })
  t.match(wrong, { code: 0, out: '' }, 'nobody learns whose token it is')
  t.equal(await opens(token), 200, 'another bot does not end it')
  t.match(await step('post', { ...job, ...state }), { code: 0, out: '' })
  t.equal(await opens(token), 401, 'the token has ended with the job')
  await ended(1)
  t.equal(await opens(String(other.STATE_token)), 200, 'and the token of another job has not')
  t.match(await step('post', { ...job, ...state }), { code: 0, out: '' }, 'it may have ended before')

  t.comment('refusals')
  for (const [what, changes, says] of [
    ['without the permission', { ACTIONS_ID_TOKEN_REQUEST_TOKEN: '' }, /permission id-token: write/],
    ['a bot that trusts nobody here', { INPUT_BOT: 'nobody' }, /401 invalid_client/],
    ['an app of nobody', { INPUT_APP: 'https://nowhere.example.com' }, /invalid_target/],
    ['a hub without TLS', { INPUT_HUB: 'http://mezite.example.com' }, /https:\/\//],
    ['a name that is none', { INPUT_BOT: 'ci\n::set-env' }, /name of a bot/],
    ['no app', { INPUT_APP: '' }, /app must be an address/],
  ] as const) {
    const refused = await step('main', { ...job, ...changes })
    t.equal(refused.code, 1, what)
    t.match(refused.out, /^::error::No token of Mezite: [^\n]*\n$/, what)
    t.match(refused.out, says, what)
    t.equal(readFileSync(file('output'), 'utf8') + readFileSync(file('state'), 'utf8'), '', what)
  }
  repository = 'example/other'
  t.match(await step('main', job), { code: 1, out: /invalid_client/ }, 'a job of another repository')
  const away = await step('post', { ...job, ...other, STATE_hub: 'https://127.0.0.1:1' })
  t.equal(away.code, 0, 'a job does not fail because of its end')
  t.match(away.out, /^::warning::[^\n]*\n$/)
})

t.test('the template for GitLab logs a bot in for a job, and out when the job is over', async (t) => {
  const { '.mezite': template } = parse(readFileSync(join(PLACE, 'gitlab-login.yml'), 'utf8'))
  t.strictSame(template.id_tokens, { MEZITE_ID_TOKEN: { aud: '$MEZITE_HUB' } })
  const job = {
    ...{ MEZITE_HUB: hub.signInUrl, MEZITE_BOT: 'ci', MEZITE_APP: app },
    ...{ CI_PROJECT_DIR: join(folder, 'project'), CURL_CA_BUNDLE: hub.caFile },
  }
  const file = `${job.CI_PROJECT_DIR}.tmp/mezite-token`
  let count = 1
  // As the runner does: the first two parts in one shell, the last in one of its own.
  for (const shell of [['sh'], ['bash', '--norc', '-o', 'pipefail']] as const) {
    const [command, ...options] = shell
    const sh = (script: string, env: Readonly<Record<string, string>>) =>
      run(command, [...options, '-e', '-c', script], { ...job, ...env })
    const [before] = template.before_script as [string]
    const script = (lines: string) => `${before}\n${lines}`
    const [after] = template.after_script as [string]

    const asked = 'curl --silent --show-error --fail -H "Authorization: Bearer $MEZITE_TOKEN" "$MEZITE_APP/"'
    const done = await sh(script(asked), { MEZITE_ID_TOKEN: idToken(hub.signInUrl) })
    t.match(done, { code: 0, out: 'for bot:ci', err: '' }, command)
    const token = readFileSync(file, 'utf8')
    t.equal(await opens(token), 200, 'while the job goes on')
    t.match(await sh(after, { MEZITE_BOT: 'other' }), { code: 0 })
    t.equal(await opens(token), 200, 'another bot does not end it')
    writeFileSync(file, token)
    t.match(await sh(after, {}), { code: 0, out: '', err: '' })
    t.equal(await opens(token), 401, 'the token has ended with the job')
    await ended(++count)
    t.match(await sh(after, {}), { code: 0, out: '', err: '' }, 'a job that got no token')

    for (const [what, env, says] of [
      ['an ID token that counts for nothing', { MEZITE_ID_TOKEN: idToken('another') }, /invalid_client/],
      ['no ID token', { MEZITE_ID_TOKEN: '' }, /error/],
      ['a hub without TLS', { MEZITE_HUB: 'http://127.0.0.1:1' }, /protocol/i],
    ] as const) {
      const refused = await sh(script('echo goes on'), env)
      t.not(refused.code, 0, what)
      t.notMatch(refused.out, 'goes on', what)
      t.match(refused.err, says, what)
    }
    writeFileSync(file, token)
    const away = await sh(after, { MEZITE_HUB: 'https://127.0.0.1:1' })
    t.equal(away.code, 0, 'a job does not fail because of its end')
    t.match(away.err, /ends by itself later/)
  }
})
