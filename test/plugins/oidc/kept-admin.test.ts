// together: plugin-hubs
/** The last administrator, whose provider does not give the role any more: the role stays, is recorded and shown, until somebody else has it. */
import { defineHubPlugin, type Users, users } from '@mezite/core'
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'

t.setTimeout(60_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
let signInOf: Users['signIn'] | undefined
const signer = defineHubPlugin({
  name: 'signer',
  api: 1,
  summary: 'Signs people in',
  needs: { users },
  setup({ use }) {
    signInOf = use.users.signIn
  },
})
const hub = await createTestHub({ plugins: [signer] })
t.teardown(() => hub.stop())
const [ANN, BEN, CAT] = ['ann@example.com', 'ben@example.com', 'cat@example.com'] as const
const admins = { claims_to_roles: [{ claim: 'groups', value: 'admins', roles: ['admin', 'access'] }] }
for (const [name, rules] of [
  ['sso', admins],
  ['other', {}],
] as const)
  await hub.api('PUT', `/connectors/${name}`, {
    ...{ kind: 'oidc', version: 'v1', metadata: { name } },
    spec: { ...issuer.spec, ...rules },
  })

/** Signs a person in with these groups; resolves to the page where it ends. */
async function signIn(name: string, groups: readonly string[], connector = 'sso') {
  issuer.person = { sub: name, email: name, email_verified: true, groups }
  const { status, text } = await hub.visitor().open(`${hub.url}/web/login?connector=${connector}`)
  return { status, text }
}
interface Shown {
  readonly name: string
  readonly roles: readonly string[]
}
const rolesOf = async (wanted: string) =>
  (await hub.api<readonly Shown[]>('GET', '/users')).find(({ name }) => name === wanted)?.roles ?? []
const kept = async () =>
  (
    await hub.api<{ attention: readonly { subject: string; message: string }[] }>('GET', '/status')
  ).attention.filter(({ message }) => message.startsWith('keeps the role admin'))
const records = async () =>
  (await hub.api<readonly { user: string }[]>('GET', '/audit?type=user.admin_kept')).map(({ user }) => user)

t.test('one of two administrators loses the role at the next sign-in', async (t) => {
  await signIn(ANN, ['admins'])
  await signIn(BEN, ['admins'])
  t.strictSame(await rolesOf(BEN), ['access', 'admin'])
  await signIn(BEN, [])
  t.strictSame(await rolesOf(BEN), [])
  t.strictSame(await kept(), [])
  t.strictSame(await records(), [])
})

t.test('the last one keeps the role alone, which is recorded once and shown in the status', async (t) => {
  for (let at = 0; at < 2; at++) {
    t.ok((await signIn(ANN, [])).status < 400)
    t.strictSame(await rolesOf(ANN), ['admin'], 'no other mapped role stays')
  }
  t.strictSame(await records(), [ANN])
  t.match(await kept(), [
    { subject: ANN, message: /give it to somebody else, and the next sign-in takes it$/ },
  ])
})

t.test(
  'another connector neither keeps nor takes the role of the last one: the sign-in is refused',
  async (t) => {
    const { status, text } = await signIn(ANN, [], 'other')
    t.equal(status, 409)
    t.match(text, 'Sign in through it, or give the role to somebody else first')
    t.strictSame(await rolesOf(ANN), ['admin'])
  },
)

t.test('the warning ends once the provider gives the role again', async (t) => {
  await signIn(ANN, ['admins'])
  t.strictSame(await rolesOf(ANN), ['access', 'admin'])
  t.strictSame(await kept(), [])
  await signIn(ANN, [])
  t.equal((await kept()).length, 1)
  t.strictSame(await records(), [ANN, ANN])
})

t.test('an administrator who is locked is not the one who is left', async (t) => {
  await hub.api('POST', '/users', { name: CAT, roles: ['admin'] })
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: CAT } })
  await signIn(ANN, [])
  t.strictSame(await rolesOf(ANN), ['admin'])
  await hub.api('DELETE', `/locks/${id}`)
})

t.test('the next sign-in takes the role once somebody else has it', async (t) => {
  await signIn(ANN, [], 'other')
  t.strictSame(await rolesOf(ANN), [])
  t.strictSame(await kept(), [])
})

t.test('of two who lose the role at once, one keeps it', async (t) => {
  await signIn(ANN, ['admins'])
  await signIn(BEN, ['admins'])
  await hub.api('DELETE', `/users/${CAT}`)
  const signIns = [ANN, BEN].map((sub) =>
    signInOf!({ name: sub, sub, issuer: issuer.url, connector: 'sso', mappedRoles: [] }),
  )
  await Promise.all(signIns)
  const left = [await rolesOf(ANN), await rolesOf(BEN)].filter((roles) => roles.includes('admin'))
  t.equal(left.length, 1)
})
