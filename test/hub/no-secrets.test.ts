// together: plugin-hubs
/** What every list and record shows to people with rights of administration: no field is a secret, so none has to be hidden from some. */
import { FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { startKeyHub } from '../plugins/webauthn/key-hub.ts'
import { RIGHTS } from './route-rights.ts'

t.setTimeout(180_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const { hub, person } = await startKeyHub()
t.teardown(() => hub.stop())

const SECRET = 'kept-from-everybody-4711'
const document = (kind: string, name: string, spec: object) => ({
  ...{ kind, version: 'v1', metadata: { name }, spec },
})
const app = { uri: 'http://127.0.0.1:9', agents: ['agent-1'] }
await hub.api(
  'PUT',
  '/apps/wiki',
  document('app', 'wiki', { ...app, headers: { request: { set: { 'X-Kept': { value: SECRET } } } } }),
)
await hub.api(
  'PUT',
  '/connectors/sso',
  document('oidc', 'sso', { ...issuer.spec, client_secret: { value: SECRET } }),
)
await hub.api('PUT', '/bots/builder', document('bot', 'builder', { roles: ['access'] }))
const bot = await hub.api<Record<string, unknown>>('POST', '/bots/builder/secret')
const token = await hub.api<Record<string, unknown>>('POST', '/api-tokens', {
  name: 'deploy',
  roles: ['admin'],
})
const join = await hub.api<Record<string, unknown>>('POST', '/tokens', { roles: ['app'] })
const { link } = await hub.api<{ link: string }>('POST', '/invitations', { name: 'erin', roles: ['access'] })

/** What was shown once, when it was made. */
const secrets = [SECRET, bot.secret, token.token, join.token, link.split('#')[1]].map(String)

t.test('lists and records show a secret to no role', async (t) => {
  t.ok(
    secrets.every((one) => one.length >= 16 && one !== 'undefined'),
    JSON.stringify(secrets.map((one) => one.length)),
  )
  const routes = Object.values(RIGHTS)
    .flat()
    .filter((route) => route.startsWith('GET ') && !/\{(?!name)|tail|export|verify|backup/.test(route))
  let read = 0
  for (const role of ['admin', 'auditor', 'security', 'helpdesk', 'app-owner']) {
    const { visitor } = await person(`the-${role}`, [role])
    const [, session] =
      /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
    for (const route of routes)
      for (const name of route.includes('{name}') ? ['wiki', 'sso', 'builder'] : ['']) {
        const path = route.slice(4).replace('{name}', name)
        const { status, text } = await hub.visitor().fetch(`${hub.url}${path}`, {
          headers: { authorization: `Bearer ${session}`, accept: 'application/json' },
        })
        if (status === 200) read += 1
        for (const [at, secret] of secrets.entries())
          if (text.includes(secret)) t.fail(`${route} shows secret ${at} to ${role}`)
      }
  }
  t.ok(read > 60, `${read} answers were read`)
})
