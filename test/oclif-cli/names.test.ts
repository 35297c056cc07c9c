// needs: zsh, fish
// together: mezctl
/** Names of the hub on the command line: completed, suggested, and given roles; and errors as objects. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { startFakeHub } from './fake-hub.ts'
import { cleanEnv, MEZCTL, runLines, runMezctl } from './run-program.ts'

const run = promisify(execFile)
const hub = await startFakeHub()
t.teardown(() => hub.stop())
const home = join(hub.dir, 'home')
const env = { MEZITE_DATA_DIR: hub.dir, MEZCTL_HOME: home }
const api = (path: string) => `/v1/webapi${path}`
const named = (...names: readonly string[]) => names.map((name) => ({ metadata: { name } }))
hub.answers.set('/apps', named('grafana', 'gitea', '$(touch hacked)', 'a b', '-rf'))
hub.answers.set('/agents', [{ hostname: 'node-1' }, { hostname: 'node-2' }])
hub.answers.set('/roles', named('developers'))
hub.answers.set('/users', [{ name: 'alice@example.com' }, { name: 'bob' }])
hub.answers.set('/audit/types', ['app.created', 'user.login'])
hub.answers.set('/api-tokens', [{ id: '0190b2c4-3930-733d-b419-54bdf06c4dcb', name: 'ci' }])

/** A folder for PATH with mezctl in it, which scripts of a shell run by its name. */
function programs(): string {
  const bin = join(hub.dir, 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'mezctl'), `#!/bin/sh\nexec '${process.execPath}' '${MEZCTL}' "$@"\n`, {
    mode: 0o755,
  })
  return bin
}

t.test(
  'names for completion come from the hub, once a minute, and never with characters that a shell runs',
  async (t) => {
    const names = (kind: string) => runMezctl(['completion', 'bash', '--names', kind], env)
    const asked = () => hub.seen.filter(({ url }) => url === api('/apps')).length
    t.match(await names('apps'), { code: 0, out: 'grafana\ngitea\n', err: '' })
    t.equal(asked(), 1)
    hub.answers.set('/apps', named('other'))
    t.match(await names('apps'), { out: 'grafana\ngitea\n' }, 'kept')
    t.equal(asked(), 1)
    const [file = ''] = readdirSync(home)
    t.equal(statSync(join(home, file)).mode & 0o777, 0o600)
    const kept = JSON.parse(readFileSync(join(home, file), 'utf8'))
    writeFileSync(join(home, file), JSON.stringify({ ...kept, at: Date.now() - 61_000 }))
    t.match(await names('apps'), { out: 'other\n' }, 'a minute later')
    t.match(await names('audit'), { out: 'app.created\nuser.login\n' }, 'types of events')
    t.match(await runMezctl(['completion', 'bash', '--names', 'docs'], { MEZITE_DATA_DIR: '/nowhere' }), {
      code: 0,
      out: /^roles$/m,
    })
    const lost = await runMezctl(['completion', 'bash', '--names', 'apps'], { MEZITE_DATA_DIR: '/nowhere' })
    t.match(lost, { code: 0, out: '', err: '' }, 'without a hub there are none, and no error')
    t.match(await names('../../etc'), { code: 0, out: '', err: '' })
    hub.answers.set('/apps', named('grafana', 'gitea'))
  },
)

t.test('bash, zsh and fish complete the names of arguments and flags', async (t) => {
  const shellEnv = { ...cleanEnv(env), PATH: `${programs()}:${process.env.PATH}` }
  const file = async (shell: string) => {
    const path = join(hub.dir, `names.${shell}`)
    writeFileSync(path, (await runMezctl(['completion', shell], env)).out)
    return path
  }
  const [bash, zsh, fish] = await Promise.all([file('bash'), file('zsh'), file('fish')])
  const asked: readonly (readonly [string, RegExp])[] = [
    ['agents get node-', /^node-1 node-2$/],
    ['apps add-agent grafana node-', /^node-1 node-2$/],
    ['users create --roles dev', /^developers$/],
    ['audit ls --by al', /^alice@example\.com$/],
    ['audit ls --type user', /^user\.login$/],
    ['users create al', /^$/],
    ['apps ls --sort st', /^state$/],
  ]
  const tries = asked.map(([line]) => {
    const words = ['mezctl', ...line.split(' ')]
    const list = words.map((word) => `'${word}'`).join(' ')
    return `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _mezctl; echo "\${COMPREPLY[*]}"`
  })
  const inBash = await run('bash', ['--norc', '-c', [`source ${bash}`, ...tries].join('\n')], {
    env: shellEnv,
  })
  for (const [at, [line, expected]] of asked.entries()) t.match(inBash.stdout.split('\n')[at], expected, line)
  const inFish = await run(
    'fish',
    [
      '--no-config',
      '-c',
      `source ${fish}; complete -C 'mezctl agents get '; complete -C 'mezctl audit ls --by al'`,
    ],
    { env: shellEnv },
  )
  t.match(inFish.stdout, /^node-1$[\s\S]*^node-2$[\s\S]*^alice@example\.com\t/m)
  const inZsh = await run(
    'zsh',
    [
      '-f',
      '-c',
      `compdef() { : }; compset() { : }; compadd() { shift; print -r -- "$*" }; _describe() { : }
       source ${zsh}; try() { words=("$@"); CURRENT=$#words; _mezctl }
       try mezctl agents get ''; try mezctl audit ls --by al`,
    ],
    { env: shellEnv },
  )
  t.match(inZsh.stdout, /^node-1 node-2\nalice@example\.com bob\n/)
})

t.test('a name that does not exist is answered with the one that was probably meant', async (t) => {
  const lines: readonly (readonly [string, RegExp])[] = [
    ['apps get grafna', /Did you mean "grafana"\? \(thing_not_found\)/],
    ['agents get node1', /Did you mean "node-1"\?/],
    ['users get alcie@example.com', /Did you mean "alice@example\.com"\?/],
    ['access who gitae', /Did you mean "gitea"\?/],
    ['access what alice@example.co', /Did you mean "alice@example\.com"\?/],
    ['apps get elephant', /^(?!.*Did you mean)/],
  ]
  for (const [at, { code, err }] of (
    await runLines(
      lines.map(([line]) => line),
      env,
    )
  ).entries())
    t.match({ code, err }, { code: 1, err: lines[at]![1] }, lines[at]![0])
})

t.test('with -o json and -o yaml an error is one object on standard error', async (t) => {
  const lines = [
    'apps get grafna -o json',
    'apps get grafna -o yaml',
    'apps ls --bogus --json',
    'bogus -o=json',
    'apps get grafna',
  ]
  const [json, yaml, usage, unknown, text] = await runLines(lines, env)
  const expected = {
    error: { code: 'thing_not_found', status: 404, message: /Did you mean "grafana"\?$/, hint: /ls command/ },
  }
  t.match(json, { code: 1, out: '' })
  t.match(JSON.parse(json!.err), expected)
  t.match(parse(yaml!.err), expected)
  t.match(JSON.parse(usage!.err), {
    error: { code: 'MEZ_USAGE_WRONG', message: /--bogus/, hint: /mezctl apps ls --help/ },
  })
  t.equal(usage!.code, 2)
  t.match(JSON.parse(unknown!.err), { error: { code: 'MEZ_USAGE_WRONG' } })
  t.match(text!.err, /^error: /)
  t.match(await runMezctl(['agents', 'ls', '-o', 'json'], env), { code: 0, out: /^\[/ })
})

t.test('roles are assigned and taken away one by one, by the version that was read', async (t) => {
  hub.answers.set('/users/bob', { name: 'bob', own_roles: ['developers', 'oncall'], etag: '"e1"' })
  const sent = () => hub.seen.findLast(({ method }) => method === 'PATCH')?.body
  const [added, unknown, removed, absent] = await runLines(
    [
      'users add-role bob developers,metrics',
      'users add-role bob develpers --strict',
      'users remove-role bob oncall',
      'users remove-role bob nothing',
    ],
    env,
  )
  t.match(added, {
    code: 0,
    out: /^Assigned 2 roles developers, metrics\. bob now has assigned roles developers, oncall, metrics\./,
  })
  t.match(added!.err, /role metrics does not exist/)
  t.match(unknown, { code: 3, err: /Did you mean "developers"\?/ })
  t.match(removed, { code: 0, out: /^Took 1 role oncall away\. bob now has assigned roles developers\./ })
  t.strictSame(sent(), { roles: ['developers'] }, 'nothing else was sent afterwards')
  t.match(absent, { code: 3, err: /was not assigned nothing \(assigned: developers, oncall\)/ })
})

t.test('a role is created by its labels, and never replaces another', async (t) => {
  const lines = [
    'roles create --name dev --allow team=dev --allow team=ops --deny env=prod --description Developers',
    'roles create --name dev',
    'roles create --name dev --allow team',
    'roles create --name dev --allow team=dev --from-file x.yaml',
  ]
  const [created, ...wrong] = await runLines(lines, env)
  t.match(created, {
    code: 0,
    out: /^Created role dev\. Give it to somebody: mezctl users add-role USER dev$/m,
  })
  t.strictSame(hub.seen.findLast(({ method }) => method === 'PUT')?.body, {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'dev', description: 'Developers' },
    spec: { allow: { app_labels: { team: ['dev', 'ops'] } }, deny: { app_labels: { env: 'prod' } } },
  })
  for (const { code, err } of wrong) t.match({ code, err }, { code: 2, err: /MEZ_USAGE_WRONG/ })
})

t.test('sessions of a user, of an app or of everybody end with one command', async (t) => {
  const lines = [
    'sessions revoke --user bob --yes',
    'sessions revoke --app grafana --yes',
    'sessions revoke --all --yes',
    'sessions revoke --yes',
    'sessions revoke s1 --all --yes',
    'sessions revoke --user  --yes',
    'sessions revoke --user bob',
  ]
  hub.seen.length = 0
  const finished = await runLines(
    lines.map((line) => line.split(' ')),
    env,
  )
  t.strictSame(
    finished.map(({ code }) => code),
    [0, 0, 0, 2, 2, 2, 1],
  )
  t.strictSame(
    hub.seen.map(({ method, url }) => `${method} ${url}`),
    ['?user=bob', '?app=grafana', '?all=true'].map((query) => `DELETE ${api(`/sessions${query}`)}`),
  )
})
