// together: hubs
/** Explanations of rights of administration: things of every kind, bots and tokens, typos, and what a caller may not learn by a name. */
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { runMezctl } from '../../oclif-cli/run-program.ts'

t.setTimeout(120_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub()
t.teardown(() => hub.stop())
const put = (collection: string, kind: string, name: string, spec: object, owner: string) =>
  hub.api('PUT', `/${collection}/${name}`, {
    kind,
    version: 'v1',
    metadata: { name, labels: { owner } },
    spec,
  })
const rule = (kinds: string[], where?: object) => ({ kinds, verbs: ['*'], ...(where && { where }) })
const owned = { labels: { owner: 'ann' } }
const KINDS = ['app', 'app_source', 'bot', 'connector', 'role'] as const
for (const [name, owner] of [
  ['hers', 'ann'],
  ['foreign', 'bob'],
] as const) {
  await put('apps', 'app', name, { uri: 'http://127.0.0.1:9', agents: ['agent-1'] }, owner)
  await put('app-sources', 'app_source', name, { agents: ['agent-1'], names: [`${name}-*`] }, owner)
  await put('bots', 'bot', name, { roles: [], api: true }, owner)
  await put('connectors', 'oidc', name, issuer.spec, owner)
  await put('roles', 'role', name, { allow: {} }, owner)
}
await put('connectors', 'oidc', 'sso', issuer.spec, 'bob')
await put(
  'roles',
  'role',
  'owners',
  { allow: { admin: [rule([...KINDS, 'invitation', 'lock'], owned)] } },
  '',
)
await put('roles', 'role', 'desk', { allow: { admin: [rule(['access', 'lock'])] } }, '')
await put('roles', 'role', 'some-apps', { allow: { admin: [rule(['app'], owned)] } }, '')
await put('bots', 'bot', 'deploy', { roles: ['desk'], api: true }, '')
await put('bots', 'bot', 'quiet', { roles: ['desk'] }, '')
for (const [name, roles] of [
  ['ann', ['owners']],
  ['root', ['admin']],
  ['dana@example.com', ['desk']],
  ['sam@example.com', ['desk', 'some-apps']],
  ['lee@example.com', ['desk', 'auditor']],
] as const)
  await hub.api('POST', '/users', { name, roles })

const pathOf = (user: string, verb: string, kind: string, name?: string) =>
  `/access/explain-admin?${new URLSearchParams({ user, verb, kind, ...(name !== undefined && { name }) })}`
interface Explained {
  readonly effect: string
  readonly api: boolean
  readonly holders: readonly string[]
}
const explain = (...words: [string, string, string, string?]) => hub.api<Explained>('GET', pathOf(...words))

/** Calls of somebody who signed in. */
async function signIn(name: string) {
  issuer.person = { sub: name, email: name, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/web/login?connector=sso`)
  return async (...words: [string, string, string, string?]) => {
    const { status, text } = await visitor.open(`${hub.url}/v1/webapi${pathOf(...words)}`, {
      headers: { accept: 'application/json' },
    })
    return { status, text }
  }
}

for (const kind of KINDS)
  t.test(`the labels of a thing of the kind ${kind} count`, async (t) => {
    t.equal((await explain('ann', 'delete', kind, 'hers')).effect, 'allow')
    t.equal((await explain('ann', 'delete', kind, 'foreign')).effect, 'deny')
    t.equal((await explain('ann', 'delete', kind)).effect, 'some')
    await t.rejects(explain('ann', 'delete', kind, 'nothing'), {
      message: /^404 \w+: There is no [\w ]+ nothing; `mezctl \S+ ls` lists them\.$/,
    })
  })

t.test('a name is refused for a kind whose things it does not tell apart', async (t) => {
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'dana@example.com' } })
  for (const name of [id, 'nothing'])
    await t.rejects(explain('ann', 'delete', 'lock', name), {
      code: 'invalid_request',
      message: /: Rights over things of the kind lock are for all of them or none\. Leave the name out\.$/,
    })
  await hub.api('DELETE', `/locks/${id}`)
  t.equal((await explain('ann', 'delete', 'lock')).effect, 'deny', 'labels give nothing there')
  await t.rejects(explain('ann', 'delete', 'invitation', 'x'), {
    code: 'invalid_request',
    message: /: A thing of the kind invitation cannot be looked up by a name\. Leave the name out/,
  })
  t.equal((await explain('ann', 'delete', 'invitation')).effect, 'some')
})

t.test('a hidden thing looks like none to whoever may only explain', async (t) => {
  const ask = await signIn('dana@example.com')
  for (const kind of KINDS) {
    const [foreign, nothing] = [
      await ask('root', 'update', kind, 'foreign'),
      await ask('root', 'update', kind, 'nothing'),
    ]
    t.equal(nothing.status, 404, kind)
    t.strictSame(
      { ...foreign, text: foreign.text.replaceAll('foreign', 'X').replace(/"request_id":"[^"]*"/, '') },
      { ...nothing, text: nothing.text.replaceAll('nothing', 'X').replace(/"request_id":"[^"]*"/, '') },
      kind,
    )
  }
  t.equal((await ask('root', 'update', 'app')).status, 200)
})

t.test('things are explained to whoever may read them', async (t) => {
  const ask = await signIn('sam@example.com')
  t.equal((await ask('root', 'update', 'app', 'hers')).status, 200)
  t.equal((await ask('root', 'update', 'app', 'foreign')).status, 404)
  t.equal((await ask('root', 'update', 'role', 'hers')).status, 404)
  const auditor = await signIn('lee@example.com')
  for (const kind of KINDS) t.equal((await auditor('root', 'update', kind, 'foreign')).status, 200, kind)
})

t.test(
  'a bot is explained by its roles, and has no right unless its document lets it call the API',
  async (t) => {
    t.match(await explain('bot:deploy', 'delete', 'lock'), { effect: 'allow', api: true })
    t.match(await explain('bot:deploy', 'delete', 'app'), { effect: 'deny', api: true })
    t.match(await explain('bot:quiet', 'delete', 'lock'), { effect: 'deny', api: false })
    t.notMatch((await explain('bot:quiet', 'delete', 'lock')).holders, ['bot:deploy'])
    const told = await runMezctl(
      ['access', 'explain', '--admin', 'bot:quiet', 'delete', 'lock', '--data-dir', hub.dataDir],
      {},
    )
    t.match(
      told.out,
      /^bot:quiet may not delete lock\.\n\nThis bot has no right: its document does not say `api: true`\./,
    )
  },
)

t.test('of an API token, the answer says whom to explain', async (t) => {
  await t.rejects(explain('token:ci', 'list', 'app'), {
    code: 'user_not_found',
    message: /: An API token is no account: it has the roles that it names, .* explain that person/,
  })
})

t.test('a typo is refused with the word that is probably meant', async (t) => {
  for (const [user, verb, kind, message] of [
    ['ann', 'delete', 'lok', /did you mean lock\?/],
    ['ann', 'delete', 'galaxy', /kinds are access, agent,/],
    ['ann', 'review', 'lock', /lock has none of the verbs; it has list, create, delete/],
    ['ann', 'delte', 'lock', /did you mean delete\?/],
    ['anna', 'delete', 'lock', /There is no user anna\. Did you mean ann\?/],
    ['bot:deplo', 'delete', 'lock', /There is no user bot:deplo\. `mezctl users ls`/],
  ] as const)
    await t.rejects(explain(user, verb, kind), { message }, `${user} ${verb} ${kind}`)
  const ask = await signIn('dana@example.com')
  t.match(await ask('anna', 'delete', 'lock'), { status: 404, text: /`mezctl users ls` lists them/ })
  t.notMatch(
    (await ask('anna', 'delete', 'lock')).text,
    'Did you mean',
    'no names for whoever may not read people',
  )
})
