// together: plugin-hubs
/** An open page of somebody with some rights of administration: it is told that something changed, and never the kind or name. */
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'

t.setTimeout(60_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub()
t.teardown(() => hub.stop())
const put = (collection: string, kind: string, name: string, spec: object, labels: object = {}) =>
  hub.api('PUT', `/${collection}/${name}`, { kind, version: 'v1', metadata: { name, labels }, spec })
await put('connectors', 'oidc', 'sso', issuer.spec)
await put('roles', 'role', 'reader', { allow: { admin: [{ kinds: ['*'], verbs: ['list', 'read'] }] } })
await put('roles', 'role', 'owner', {
  allow: {
    admin: [{ kinds: ['app'], verbs: ['*'], where: { labels: { owner: '{{user.name}}' } } }],
  },
})
await hub.api('POST', '/users', { name: 'keeper', roles: ['admin'] })

/** The open page of a person with these roles. */
async function openPage(name: string, roles: readonly string[]) {
  const user = `${name}@example.com`
  await hub.api('POST', '/users', { name: user, roles })
  issuer.person = { sub: name, email: user, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  const stream = await visitor.stream(`${hub.url}/v1/webapi/events`)
  let text = ''
  let ended = false
  stream
    .on('error', () => {})
    .on('data', (chunk) => {
      text += chunk
    })
    .on('end', () => {
      ended = true
    })
  t.teardown(() => stream.destroy())
  await until(() => text.includes('event: open'), `the page of ${user} is open`)
  return { user, read: () => text, hasEnded: () => ended }
}
/** What a page may be told that does not see names: that it opened, that something changed, and that its session ended. */
const WITHOUT_NAMES = /^retry: 1000\n\n?(?:(?:event: (?:open|access|ended)\ndata: \{\}\n\n)|: \n\n)*$/

for (const [name, roles] of [
  ['auditor', ['reader']],
  ['standard-auditor', ['auditor']],
  ['app-owner', ['owner', 'app-owner']],
  ['helpdesk', ['helpdesk']],
  ['security', ['security']],
  ['nobody', []],
] as const)
  t.test(`the page of ${name} is never sent a kind or a name`, async (t) => {
    const page = await openPage(name, roles)
    for (const change of [
      () =>
        put('apps', 'app', 'hidden-app', { uri: 'http://127.0.0.1:9', agents: ['a'] }, { owner: 'other' }),
      () => put('apps', 'app', 'own-app', { uri: 'http://127.0.0.1:9', agents: ['a'] }, { owner: page.user }),
      () => put('roles', 'role', 'hidden-role', { allow: {} }),
      () => hub.api('DELETE', '/apps/hidden-app'),
      () => hub.api('DELETE', '/apps/own-app'),
      () => hub.api('DELETE', '/roles/hidden-role'),
    ]) {
      const before = page.read().length
      await change()
      await until(() => page.read().length > before, 'the change is told')
    }
    t.match(page.read(), WITHOUT_NAMES)
    for (const word of ['hidden', 'own-app', '"app"', '"role"']) t.notMatch(page.read(), word)
  })

t.test('the page of an administrator who becomes an auditor is sent no more names', async (t) => {
  const page = await openPage('lowered', ['admin'])
  await put('roles', 'role', 'seen', { allow: {} })
  await until(() => page.read().includes('"seen"'), 'names are sent')
  await hub.api('PATCH', `/users/${page.user}`, { roles: ['auditor'] })
  await until(() => page.read().includes('event: access'), 'the loss is told')
  const before = page.read().length
  await put('roles', 'role', 'unseen', { allow: {} })
  await until(() => page.read().length > before, 'a later change is told')
  t.notMatch(page.read(), 'unseen')
  t.notOk(page.hasEnded())
})

for (const [name, end] of [
  ['removed', (user: string) => hub.api('DELETE', `/users/${user}`)],
  ['signed-out', (user: string) => hub.api('DELETE', `/sessions?user=${encodeURIComponent(user)}`)],
] as const)
  t.test(`the stream of an auditor who is ${name} ends`, async (t) => {
    const page = await openPage(name, ['auditor'])
    await end(page.user)
    await until(page.hasEnded, 'the stream ends')
    t.match(page.read(), /event: ended\ndata: \{\}\n\n$/)
    t.match(page.read(), WITHOUT_NAMES)
  })
