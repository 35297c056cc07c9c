// together: programs
/** The programs that have access now, for administrators: at the API, in a terminal, on the page of the dashboard. */
import { programLogin } from '@mezite/core/testing'
import t from 'tap'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { authorize, startWorld, token } from './world.ts'

const { hub, person, resource, client } = await startWorld(t)
const program = await client({ client_name: 'Robot vacuum' })
const mezctl = (...words: string[]) => runMezctl(words, { MEZITE_DATA_DIR: hub.dataDir })

interface Now {
  readonly id: string
  readonly program: string
  readonly client_id: string | null
  readonly user: string
  readonly apps: string[]
  readonly last_used: string
  readonly created: string
  readonly expires: string
}
const now = () => hub.api<Now[]>('GET', '/clients/now')
const open = (name: string, access_token: string) =>
  hub.visitor().fetch(`${hub.appUrl(name)}/`, { headers: { authorization: `Bearer ${access_token}` } })

person('nina', 'staff')
const nina = hub.visitor()
const first = await authorize(hub, nina, program, resource('one'))
await authorize(hub, nina, program, resource('two'))
person('otto', 'staff')
await authorize(hub, hub.visitor(), program, resource('one'))
await hub.api('PUT', '/bots/ci', {
  ...{ kind: 'bot', version: 'v1', metadata: { name: 'ci' }, spec: { roles: ['staff'] } },
})
const { secret } = await hub.api<{ secret: string }>('POST', '/bots/ci/secret')
await token(hub, {
  ...{ grant_type: 'client_credentials', client_id: 'bot:ci', client_secret: secret },
  resource: resource('two'),
})

t.test('each consent, and each token of a bot, is listed with its program, person and apps', async (t) => {
  const all = await now()
  const shown = all.map(({ program: name, client_id, user, apps }) => ({ name, client_id, user, apps }))
  const by = (one: object, other: object) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)
  t.strictSame(
    shown.sort(by),
    [
      { name: 'Robot vacuum', client_id: program, user: 'nina@example.com', apps: ['one'] },
      { name: 'Robot vacuum', client_id: program, user: 'nina@example.com', apps: ['two'] },
      { name: 'Robot vacuum', client_id: program, user: 'otto@example.com', apps: ['one'] },
      { name: 'secret', client_id: null, user: 'bot:ci', apps: ['two'] },
    ].sort(by),
  )
  const { text } = await hub
    .visitor()
    .fetch(`${hub.url}/v1/webapi/clients/now`, { headers: { accept: 'application/json' } })
  t.match(JSON.parse(text), { status: 401 })
})

t.test('a token of a command line is listed beside them, until it ends', async (t) => {
  person('lena', 'staff')
  const { token: login } = await programLogin(hub)
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi/me/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${login}`, 'content-type': 'application/json' },
    body: JSON.stringify({ app: 'one' }),
  })
  t.equal(status, 201, text)
  const found = (await now()).find(({ user }) => user === 'lena@example.com')
  t.match(found, { program: 'msh', client_id: null, apps: ['one'] })
  await hub.api('DELETE', `/sessions/${found?.id}`)
  t.notOk((await now()).some(({ user }) => user === 'lena@example.com'))
})

t.test('the last use is that of the consent and its tokens, and sorts the list', async (t) => {
  const before = Date.now()
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  t.equal((await open('one', first.access_token)).status, 200)
  const [last] = await now()
  t.match(last, { user: 'nina@example.com', apps: ['one'] })
  t.ok(Date.parse(last?.last_used ?? '') > before)
})

t.test('mezctl lists them, and ends one by the id of its session', async (t) => {
  const listed = await mezctl('programs', 'ls')
  t.match(listed, { code: 0, out: /Robot vacuum +one +nina@example\.com/ })
  t.match(listed.out, /mezctl sessions revoke ID/)
  const bots = await mezctl('programs', 'ls', '--state', 'bot', '--format', 'json')
  t.match(JSON.parse(bots.out), [{ user: 'bot:ci' }])
  const id =
    (await now()).find(({ user, apps }) => user === 'nina@example.com' && apps[0] === 'one')?.id ?? ''
  t.equal((await mezctl('sessions', 'revoke', id, '--yes')).code, 0)
  t.equal((await open('one', first.access_token)).status, 401)
  const refused = await token(hub, {
    ...{ grant_type: 'refresh_token', refresh_token: first.refresh_token, client_id: program },
  })
  t.match(refused, { status: 400, text: /invalid_grant/ })
  t.notOk((await now()).some((one) => one.id === id))
})

t.test('the page "Programs" has the same rows, each with a button that asks and ends it', async (t) => {
  const { blocks } = await hub.api<{ blocks: { title?: string; rows?: unknown[][] }[] }>(
    'GET',
    '/dashboard/pages/programs',
  )
  const { rows = [] } = blocks.find(({ title }) => title === 'Programs now') ?? {}
  const row = rows.find(([, user]) => JSON.stringify(user).includes('otto@example.com'))
  const [otto] = (await now()).filter(({ user }) => user === 'otto@example.com')
  t.match([row?.[0], row?.[2]], ['Robot vacuum', 'one'])
  const button = row?.at(-1) as { path: string }
  t.match(button, {
    ...{ kind: 'form', method: 'DELETE', path: `/v1/webapi/sessions/${otto?.id}`, destructive: true },
    title: 'End the access of Robot vacuum for otto@example.com?',
  })
  await hub.api('DELETE', button.path.replace('/v1/webapi', ''))
  await until(async () => !(await now()).some(({ user }) => user === 'otto@example.com'), 'it has ended')
})
