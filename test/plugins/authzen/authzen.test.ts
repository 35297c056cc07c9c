// together: plugin-hubs
/** Questions of AuthZEN about a hub: with the public search cases, malformed ones, and what the gate itself says. */
import t from 'tap'
import { FakeIssuer } from '../../../core/testing/fake-issuer.ts'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import authzen from '../../../plugins/authzen/hub.ts'

/** People and records of the public search scenario (openid/authzen, interop/authzen-search-demo). */
const PEOPLE = {
  alice: ['manager', 'Sales'],
  bob: ['employee', 'Legal'],
  carol: ['contractor', 'Legal'],
  dan: ['manager', 'Finance'],
  erin: ['employee', 'Finance'],
  felix: ['contractor', 'Accounting'],
} as const
type Person = keyof typeof PEOPLE
const OWNERS = Object.keys(PEOPLE) as readonly Person[]
const DEPARTMENTS =
  'Legal Legal Legal Accounting Legal Accounting Sales Legal Accounting Sales Accounting Legal Sales Accounting Finance Legal Legal Accounting Legal Accounting'.split(
    ' ',
  )
const RECORDS = DEPARTMENTS.map((department, at) => ({
  id: String(101 + at),
  department,
  owner: OWNERS[at % OWNERS.length] as Person,
}))
const ACTIONS = { view: 'GET', edit: 'PUT', delete: 'DELETE' } as const
type Action = keyof typeof ACTIONS

/** The rules of the scenario, in its words; its published answers follow from them. */
function may(person: Person, action: Action, { owner, department }: (typeof RECORDS)[number]): boolean {
  const [role, own] = PEOPLE[person]
  if (owner === person) return true
  if (action === 'view') return own === department || role === 'manager'
  return action === 'edit' && role === 'manager' && own === department
}

const hub = await createTestHub({
  plugins: [{ plugin: authzen, config: { resource_type: 'record', actions: ACTIONS } }],
})
t.teardown(() => hub.stop())
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: issuer.spec,
})

const put = (path: string, kind: string, name: string, more: object) =>
  hub.api('PUT', `/${path}/${name}`, {
    kind,
    version: 'v1',
    metadata: { name, ...('labels' in more && { labels: more.labels }) },
    spec: 'spec' in more ? more.spec : {},
  })
const reads = (labels: object, methods: readonly string[]) => ({
  spec: { allow: { app_labels: labels, app_rules: [{ methods, paths: ['/**'] }] } },
})
for (const { id, department, owner } of RECORDS)
  await put('apps', 'app', id, { labels: { department, owner }, spec: { uri: 'http://127.0.0.1:1' } })
await put('roles', 'role', 'all', reads({ '*': '*' }, ['GET']))
for (const [person, [role, department]] of Object.entries(PEOPLE)) {
  await put('roles', 'role', `owns-${person}`, { spec: { allow: { app_labels: { owner: person } } } })
  await put(
    'roles',
    'role',
    `${person}-department`,
    reads({ department }, role === 'manager' ? ['GET', 'PUT'] : ['GET']),
  )
  const roles = [`owns-${person}`, `${person}-department`, ...(role === 'manager' ? ['all'] : [])]
  await hub.api('POST', '/users', { name: person, roles })
}
const { token } = await hub.api<{ token: string }>('POST', '/api-tokens', { name: 'pdp', roles: ['admin'] })

/** One call as a program of an administrator; `body` as text is sent as it is. */
async function call(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const {
    status,
    text,
    headers: received,
  } = await hub.visitor().fetch(`${hub.url}/access/v1/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status, answer: JSON.parse(text), headers: received }
}
const user = (id: string) => ({ type: 'user', id })
const record = (id: string) => ({ type: 'record', id })
const ids = ({ answer }: Awaited<ReturnType<typeof call>>) =>
  (answer.results as { id?: string; name?: string }[]).map(({ id, name }) => id ?? name)

t.test('the 198 public search cases get the published answers', async (t) => {
  const actions = Object.keys(ACTIONS) as Action[]
  for (const one of RECORDS)
    for (const name of actions)
      t.strictSame(
        ids(
          await call('search/subject', {
            subject: { type: 'user' },
            action: { name },
            resource: record(one.id),
          }),
        ),
        OWNERS.filter((person) => may(person, name, one)),
        `who may ${name} ${one.id}`,
      )
  for (const person of OWNERS) {
    for (const name of actions)
      t.strictSame(
        ids(
          await call('search/resource', {
            subject: user(person),
            action: { name },
            resource: { type: 'record' },
          }),
        ),
        RECORDS.filter((one) => may(person, name, one)).map(({ id }) => id),
        `what ${person} may ${name}`,
      )
    for (const one of RECORDS)
      t.strictSame(
        ids(await call('search/action', { subject: user(person), resource: record(one.id) })).sort(),
        actions.filter((name) => may(person, name, one)).sort(),
        `what ${person} may do with ${one.id}`,
      )
  }
})

t.test('an evaluation says the same, with the reason of the gate', async (t) => {
  for (const one of RECORDS)
    for (const name of ['view', 'edit', 'delete'] as const) {
      const { status, answer } = await call('evaluation', {
        subject: user('dan'),
        action: { name },
        resource: record(one.id),
      })
      t.equal(status, 200)
      t.equal(answer.decision, may('dan', name, one))
      t.equal(answer.context.reason === 'allowed', answer.decision)
    }
  const ask = async (subject: object, name: string, resource: object) =>
    (await call('evaluation', { subject, action: { name }, resource })).answer
  t.match(await ask(user('erin'), 'edit', record('102')), {
    decision: false,
    context: { reason: 'label_mismatch' },
  })
  t.match(await ask(user('dan'), 'edit', record('101')), {
    decision: false,
    context: { reason: 'request_not_allowed' },
  })
  t.match(await ask(user('nobody'), 'view', record('101')), {
    decision: false,
    context: { reason: 'user_not_found' },
  })
  t.match(await ask(user('dan'), 'view', record('999')), {
    decision: false,
    context: { reason: 'app_not_found' },
  })
  t.match(await ask(user('dan'), 'open', record('101')), {
    decision: false,
    context: { reason: 'request_not_allowed' },
  })
  t.match(await ask({ type: 'group', id: 'dan' }, 'view', record('101')), { decision: false })
  t.match(await ask({ type: 'bot', id: 'dan' }, 'view', record('101')), { decision: false })
  t.match(await ask(user('dan'), 'view', { type: 'app', id: '101' }), { decision: false })
})

t.test('a requirement that is not met is a no, unless the caller says that it is met', async (t) => {
  await put('roles', 'role', 'careful', {
    spec: { options: { require_session_mfa: true }, allow: { app_labels: { owner: 'felix' } } },
  })
  await hub.api('POST', '/users', { name: 'gina', roles: ['careful'] })
  const [question, context] = [
    { subject: user('gina'), action: { name: 'view' }, resource: record('106') },
    { satisfied: ['session-mfa'] },
  ]
  const asked = await call('evaluation', question)
  t.match(asked.answer, { decision: false, context: { requirements: ['session-mfa'] } })
  t.match(asked.answer, { context: { reason: 'session_mfa_required' } })
  t.match((await call('evaluation', { ...question, context })).answer, { decision: true })
  t.match((await call('evaluation', { ...question, context: { satisfied: ['other'] } })).answer, {
    decision: false,
  })
  const search = { ...question, resource: { type: 'record' } }
  t.strictSame(ids(await call('search/resource', search)), [])
  t.strictSame(ids(await call('search/resource', { ...search, context })), ['106', '112', '118'])
  const who = { ...question, subject: { type: 'user' } }
  t.notOk(ids(await call('search/subject', who)).includes('gina'))
  t.ok(ids(await call('search/subject', { ...who, context })).includes('gina'))
  t.equal((await call('evaluation', { ...question, context: { satisfied: 'session-mfa' } })).status, 400)
})

t.test('locks and disabled applications count at once', async (t) => {
  const question = { subject: user('alice'), action: { name: 'view' }, resource: record('120') }
  const ask = async () => (await call('evaluation', question)).answer
  t.equal((await ask()).decision, true)
  await hub.api('POST', '/apps/120/disable')
  t.match(await ask(), { decision: false, context: { reason: 'app_disabled' } })
  t.strictSame(ids(await call('search/subject', { ...question, subject: { type: 'user' } })), [])
  await hub.api('POST', '/apps/120/enable')
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'alice' } })
  t.match(await ask(), { decision: false, context: { reason: 'locked' } })
  t.strictSame(ids(await call('search/resource', { ...question, resource: { type: 'record' } })), [])
  await hub.api('DELETE', `/locks/${id}`)
  t.equal((await ask()).decision, true)
})

t.test('a question may have more than is known, and less is refused with 400', async (t) => {
  const question = { subject: user('alice'), action: { name: 'view' }, resource: record('101') }
  const more = {
    ...question,
    subject: { ...question.subject, properties: { role: 'manager' } },
    context: { time: '2026-06-27T18:03-07:00', ip: '192.0.2.1' },
    future: { nested: true },
  }
  const full = await call('evaluation', more, { 'x-request-id': 'bfe9eb29-ab87' })
  t.match(full, { status: 200, answer: { decision: true } })
  t.equal(full.headers['x-request-id'], 'bfe9eb29-ab87')
  t.ok((await call('evaluation', question)).headers['x-request-id'], 'the hub makes one')
  const { subject: _, ...anonymous } = question
  const { action: _name, ...idle } = question
  const { resource: _of, ...nowhere } = question
  for (const wrong of [
    ...[anonymous, idle, nowhere, '', '{', '[]', 'null'],
    { ...question, subject: { id: 'alice' } },
    { ...question, subject: { type: 'user' } },
    { ...question, subject: 'alice' },
    { ...question, action: {} },
    { ...question, action: { name: 123 } },
    { ...question, resource: { id: '101' } },
    { ...question, resource: { type: 'record' } },
    { ...question, resource: { ...question.resource, properties: { path: 'admin' } } },
    { ...question, resource: { ...question.resource, properties: { path: 7 } } },
  ])
    t.equal((await call('evaluation', wrong)).status, 400, JSON.stringify(wrong))
  t.equal((await call('evaluation', question, { 'content-type': 'text/plain' })).status, 400)
})

t.test('a search that is too long for one answer goes on where it stopped', async (t) => {
  const question = { subject: user('alice'), action: { name: 'view' }, resource: { type: 'record' } }
  const found: unknown[] = []
  let token = ''
  do {
    const page = { limit: 7, ...(token && { token }) }
    const answered = await call('search/resource', { ...question, page })
    t.match(answered, { status: 200, answer: { page: { total: 20 } } })
    t.equal(answered.answer.page.count, ids(answered).length)
    found.push(...ids(answered))
    token = answered.answer.page.next_token
  } while (token !== '' && found.length < 30)
  t.strictSame(
    found,
    RECORDS.map(({ id }) => id),
  )
  const first = (await call('search/resource', { ...question, page: { limit: 1 } })).answer.page.next_token
  const other = { ...question, subject: user('dan'), page: { token: first } }
  t.equal((await call('search/resource', other)).status, 400, 'a token of another question')
  t.equal((await call('search/resource', { ...question, page: { token: 'x' } })).status, 400)
  const { answer } = await call('search/resource', { ...question, page: { limit: 0 } })
  t.strictSame(answer, { page: { next_token: '', count: 0, total: 20 }, results: [] })
})

t.test('a search ignores the id of its own kind, and finds nothing for unknown names', async (t) => {
  const question = { subject: user('alice'), action: { name: 'edit' }, resource: record('101') }
  t.strictSame(ids(await call('search/subject', question)), ['alice'])
  t.strictSame(ids(await call('search/subject', { ...question, subject: user('bob') })), ['alice'])
  t.strictSame(ids(await call('search/subject', { ...question, resource: record('999') })), [])
  t.strictSame(ids(await call('search/subject', { ...question, subject: { type: 'group' } })), [])
  t.strictSame(ids(await call('search/subject', { ...question, action: { name: 'print' } })), [])
  t.strictSame(ids(await call('search/resource', { ...question, subject: user('nobody') })), [])
  t.strictSame(ids(await call('search/action', { subject: user('nobody'), resource: record('101') })), [])
})

t.test('only administrators ask, and everybody may read where', async (t) => {
  const question = { subject: user('alice'), action: { name: 'view' }, resource: record('101') }
  const visitor = hub.visitor()
  issuer.person = { sub: 'erin', email: 'erin@example.com', email_verified: true }
  await visitor.open(`${hub.url}/`)
  const reader = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '')?.[1]
  for (const path of ['evaluation', 'search/subject', 'search/resource', 'search/action']) {
    t.equal((await call(path, question, { authorization: `Bearer ${reader}` })).status, 403)
    t.equal((await call(path, question, { authorization: 'Bearer nothing' })).status, 401)
  }
  const { status, text } = await hub.visitor().fetch(`${hub.url}/.well-known/authzen-configuration`)
  t.equal(status, 200)
  const found = JSON.parse(text)
  t.equal(found.policy_decision_point, hub.url)
  for (const [key, path] of Object.entries({
    access_evaluation: 'evaluation',
    search_subject: 'search/subject',
  }))
    t.equal(found[`${key}_endpoint`], `${hub.url}/access/v1/${path}`)
})
