// together: sign-in
/** A role that demands a passkey for changes demands it of the person who approves one, and of the one who makes it at once. */
import t from 'tap'
import { startMsh } from '../../oclif-cli/msh-program.ts'
import { MEZCTL } from '../../oclif-cli/run-program.ts'
import { type Holder, startKeyHub } from '../webauthn/key-hub.ts'
import { role as roleDocument } from './start-approval-hub.ts'

const MINUTE_MS = 60_000
const { hub, clock, person, post, role } = await startKeyHub({}, [], {
  'change-approvals': { require_approval: ['role.update'], break_glass: ['breaks-glass'] },
})
t.teardown(() => hub.stop())
await role('careful', { confirm_changes: '2m' }, { tier: 'none' })
await role('breaks-glass', {}, { tier: 'none' })
const ann = await person('ann', ['admin', 'breaks-glass'])
const bob = await person('bob', ['admin', 'careful'])

const tokenOf = ({ visitor }: Holder) =>
  /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '')?.[1] ?? ''
async function call(holder: Holder, method: string, path: string, body?: object) {
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: {
      ...{ accept: 'application/json', authorization: `Bearer ${tokenOf(holder)}` },
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const value = text === '' ? {} : JSON.parse(text)
  return { status, value, code: value.code as string | undefined }
}
const ask = async (holder: Holder, name: string): Promise<string> =>
  (await call(holder, 'PUT', `/roles/${name}`, roleDocument(name, []))).value.change
const stateOf = async (id: string) => (await call(ann, 'GET', `/changes/${id}`)).value.state
const exists = async (name: string) => (await call(ann, 'GET', `/roles/${name}`)).status === 200
async function later(minutes: number): Promise<void> {
  clock.advance(minutes * MINUTE_MS)
  await hub.ready()
}
async function confirm(holder: Holder, url: string): Promise<string> {
  const { searchParams } = new URL(url)
  const of = { session: searchParams.get('session'), app: '' }
  const asked = await post(holder.visitor, '/web/confirm/begin', of)
  const response = holder.key.get(asked.options)
  const port = searchParams.get('redirect_port') ?? ''
  const said = await post(holder.visitor, '/web/confirm/finish', {
    ...of,
    port,
    ceremony: asked.ceremony,
    response,
  })
  return said.location
}

t.test('the person who approves confirms with a passkey; the one who asked need not', async (t) => {
  const id = await ask(ann, 'team')
  await later(3)
  const refused = await call(bob, 'POST', `/changes/${id}/approve`)
  t.match(refused, { status: 403, code: 'confirmation_required' })
  t.equal(await stateOf(id), 'pending', 'the change still waits')
  t.notOk(await exists('team'))
  await confirm(ann, refused.value.confirm_url.replace(/session=[\w-]+/, 'session=x')).catch(() => {})
  t.match(await call(bob, 'POST', `/changes/${id}/approve`), { code: 'confirmation_required' })
  await confirm(bob, refused.value.confirm_url)
  t.match(await call(bob, 'POST', `/changes/${id}/approve`), { status: 200, value: { state: 'done' } })
  t.ok(await exists('team'))
})

t.test('a role with this demand that the person gets after the change was asked for counts', async (t) => {
  const cat = await person('cat', ['admin'])
  const id = await ask(ann, 'later')
  await later(3)
  await hub.api('PATCH', '/users/cat', { roles: ['admin', 'careful'] })
  t.match(await call(cat, 'POST', `/changes/${id}/approve`), { status: 403, code: 'confirmation_required' })
  t.notOk(await exists('later'))
  await call(ann, 'POST', `/changes/${id}/cancel`)
})

t.test('break-glass needs a passkey as well', async (t) => {
  const eve = await person('eve', ['admin', 'careful', 'breaks-glass'])
  const id = await ask(eve, 'quick')
  await later(3)
  const force = () => call(eve, 'POST', `/changes/${id}/force`, { reason: 'INC-1' })
  const refused = await force()
  t.match(refused, { status: 403, code: 'confirmation_required' })
  t.equal(await stateOf(id), 'pending')
  t.notOk(await exists('quick'))
  await confirm(eve, refused.value.confirm_url)
  t.match(await force(), { status: 200, value: { state: 'done' } })
})

t.test('mezctl changes approve waits for the passkey', { timeout: 180_000 }, async (t) => {
  const id = await ask(ann, 'by-command')
  await later(3)
  const env = {
    ...{ MEZITE_AUTH_TOKEN: tokenOf(bob), MEZITE_PROXY: new URL(hub.url).host, MEZITE_CA_FILE: hub.caFile },
    MEZITE_BROWSER: '/bin/true',
  }
  const mezctl = startMsh(['changes', 'approve', id], env, MEZCTL)
  const [, address = ''] = await mezctl.err(/This change needs your passkey\.\nOpening (https:\S+)/)
  t.notOk(await exists('by-command'))
  const location = await confirm(bob, address)
  t.equal((await fetch(location, { redirect: 'manual' })).status, 303)
  const { code, out, err } = await mezctl.ended
  t.equal(code, 0, err)
  t.match(out, /Approved and made: role\.update by-command/)
  t.ok(await exists('by-command'))
})
