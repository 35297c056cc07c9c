// together: sign-in
/** Sessions of administration: a role demands a passkey within some minutes for each change, and idle ones end sooner than others. */
import t, { type Test } from 'tap'
import { startMsh } from '../../oclif-cli/msh-program.ts'
import { MEZCTL } from '../../oclif-cli/run-program.ts'
import { type Holder, startKeyHub } from './key-hub.ts'

const MINUTE_MS = 60_000
const { hub, clock, origin, person, post, role } = await startKeyHub({}, [], {
  rbac: { admin: { confirm_changes: '10m', admin_idle_timeout: '30m' } },
})
t.teardown(() => hub.stop())
await role('careful', { confirm_changes: '2m' }, { tier: 'none' })

interface Said {
  readonly code?: string
  readonly confirm_url?: string
  readonly token: string
}

/** The token of this browser's session, with which programs call the API. */
const tokenOf = ({ visitor }: Holder) =>
  /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '')?.[1] ?? ''
async function call(token: string, method: string, path: string, body?: object, headers: object = {}) {
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: {
      ...{ accept: 'application/json', authorization: `Bearer ${token}`, ...headers },
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { status, value: (text === '' ? {} : JSON.parse(text)) as Said }
}
const lock = (token: string) => call(token, 'POST', '/locks', { target: { user: 'nobody@example.com' } })
async function later(ms: number): Promise<void> {
  clock.advance(ms)
  await hub.ready()
}

/** Confirms on the page of this session; `signer` has the passkey. */
async function confirm(holder: Holder, session: string, signer = holder, port = '') {
  const asked = await post(holder.visitor, '/web/confirm/begin', { session, app: '' })
  if (asked.status !== 200) return asked
  const response = signer.key.get(asked.options)
  return post(holder.visitor, '/web/confirm/finish', {
    ...{ session, app: '', port, ceremony: asked.ceremony },
    response,
  })
}

/** The session in the address that the refusal names. */
function sessionIn(t: Test, { status, value }: { status: number; value: Said }): string {
  t.match({ status, code: value.code }, { status: 403, code: 'confirmation_required' })
  const url = new URL(value.confirm_url ?? 'none:')
  t.equal(url.origin + url.pathname, `${origin}/web/confirm`)
  return url.searchParams.get('session') ?? ''
}

t.test('each change needs a passkey of the last minutes, and reading does not', async (t) => {
  const boss = await person('boss', ['admin'])
  const token = tokenOf(boss)
  t.equal((await lock(token)).status, 201, 'the sign-in was with the passkey')
  await later(10 * MINUTE_MS + 1_000)
  const session = sessionIn(t, await lock(token))
  for (const [method, path, body] of [
    ['PUT', '/roles/new', { kind: 'role', version: 'v1', metadata: { name: 'new' }, spec: {} }],
    ['POST', '/users', { name: 'new', roles: [] }],
    ['PATCH', '/users/boss', { roles: [] }],
    ['DELETE', '/users/boss'],
    ['DELETE', '/sessions/x'],
    ['POST', '/api-tokens', { name: 'x', roles: ['admin'] }],
    ['POST', '/users/boss/mfa', { type: 'webauthn', sign_in: true }],
  ] as const)
    sessionIn(t, await call(token, method, path, body))
  for (const path of ['/users', '/locks', '/roles', '/audit', '/me'])
    t.equal((await call(token, 'GET', path)).status, 200, path)
  const page = await boss.visitor.open(`${origin}/web/confirm?session=${session}`)
  t.match(page.text, /You make changes to this cluster after you confirm/)
  t.match(await confirm(boss, session), { status: 200, location: '/web/confirm/done' })
  t.equal((await lock(token)).status, 201, 'confirmed')
  await later(9 * MINUTE_MS)
  t.equal((await lock(token)).status, 201)
  await later(MINUTE_MS + 1_000)
  sessionIn(t, await lock(token))
})

t.test('the shortest time of all roles applies, and a role that is given later asks at once', async (t) => {
  const ann = await person('ann', ['admin'])
  await later(3 * MINUTE_MS)
  t.equal((await lock(tokenOf(ann))).status, 201)
  await hub.api('PATCH', '/users/ann', { roles: ['admin', 'careful'] })
  const session = sessionIn(t, await lock(tokenOf(ann)))
  t.equal((await confirm(ann, session)).status, 200)
  t.equal((await lock(tokenOf(ann))).status, 201)
})

t.test('a confirmation counts in its own session, with a passkey of the same person', async (t) => {
  const [bob, eve] = [await person('bob', ['admin', 'careful']), await person('eve', ['admin', 'careful'])]
  await later(3 * MINUTE_MS)
  const [ofBob, ofEve] = [sessionIn(t, await lock(tokenOf(bob))), sessionIn(t, await lock(tokenOf(eve)))]
  t.match(await confirm(eve, ofBob), { status: 404, code: 'session_unknown' })
  t.match(await confirm(bob, ofBob, eve), { status: 400, code: 'key_unknown' })
  t.match(await confirm(bob, 'nothing'), { status: 404, code: 'session_unknown' })
  sessionIn(t, await lock(tokenOf(bob)))
  const asked = await post(bob.visitor, '/web/confirm/begin', { session: ofBob, app: '' })
  const answer = {
    ...{ session: ofBob, app: '', port: '', ceremony: asked.ceremony },
    response: bob.key.get(asked.options),
  }
  t.equal((await post(bob.visitor, '/web/confirm/finish', answer)).status, 200)
  t.match(await post(bob.visitor, '/web/confirm/finish', answer), { status: 400, code: 'challenge_spent' })
  t.equal((await lock(tokenOf(bob))).status, 201)
  t.equal(sessionIn(t, await lock(tokenOf(eve))), ofEve, 'nobody else has confirmed')
  const removed = await hub.api<{ id: string }[]>('GET', '/users/bob/mfa')
  await hub.api('DELETE', `/users/bob/mfa?id=${encodeURIComponent(removed[0]!.id)}`)
  t.equal((await lock(tokenOf(bob))).status, 401, 'without the passkey, the confirmation is worth nothing')
})

t.test('a program that nobody sits at is refused, and the operator is not', async (t) => {
  const carl = await person('carl', ['admin'])
  const { value } = await call(tokenOf(carl), 'POST', '/api-tokens', { name: 'ci', roles: ['admin'] })
  const refused = await lock(value.token)
  t.match(refused, { status: 403, value: { code: 'confirmation_required' } })
  t.equal(refused.value.confirm_url, undefined)
  t.equal((await call(value.token, 'GET', '/users')).status, 200)
  t.ok(await hub.api('POST', '/locks', { target: { user: 'nobody@example.com' } }))
})

t.test(
  'mezctl opens the page, waits for the passkey, and repeats the change',
  { timeout: 180_000 },
  async (t) => {
    const dora = await person('dora', ['admin', 'careful'])
    await later(3 * MINUTE_MS)
    const env = {
      ...{
        MEZITE_AUTH_TOKEN: tokenOf(dora),
        MEZITE_PROXY: new URL(hub.url).host,
        MEZITE_CA_FILE: hub.caFile,
      },
      MEZITE_BROWSER: '/bin/true',
    }
    const mezctl = startMsh(['users', 'create', 'made@example.com', '--roles', 'access'], env, MEZCTL)
    const [, address = ''] = await mezctl.err(/This change needs your passkey\.\nOpening (https:\S+)/)
    const { searchParams } = new URL(address)
    const port = searchParams.get('redirect_port') ?? ''
    const { location } = await confirm(dora, searchParams.get('session') ?? '', dora, port)
    t.equal((await fetch(location, { redirect: 'manual' })).status, 303)
    const { code, out, err } = await mezctl.ended
    t.equal(code, 0, err)
    t.match(out, /Created user made@example.com/)
  },
)

t.test('an idle session of administration ends sooner than others', async (t) => {
  const [fay, gus] = [await person('fay', ['admin']), await person('gus', ['access'])]
  await later(29 * MINUTE_MS)
  t.equal((await call(tokenOf(fay), 'GET', '/me')).status, 200)
  await later(29 * MINUTE_MS)
  const again = { 'x-mezite-background': '1' }
  t.equal(
    (await call(tokenOf(fay), 'GET', '/me', undefined, again)).status,
    200,
    'a page loads what has changed',
  )
  await later(2 * MINUTE_MS)
  t.equal((await call(tokenOf(fay), 'GET', '/me')).status, 401)
  t.equal((await call(tokenOf(gus), 'GET', '/me')).status, 200)
})
