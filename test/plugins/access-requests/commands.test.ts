// together: plugin-hubs
/** Requests for access in a terminal, from `msh request create --wait` to the port of a TCP app, and reviews of standing access. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connectIssuer, createTestAgent, createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { dial, readAll } from '../../oclif-cli/local-servers.ts'
import { openApps, runMsh, startMsh } from '../../oclif-cli/msh-program.ts'
import { runMezctl, startMezctl } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'

const issuer = await FakeIssuer.start()
const hub = await createTestHub()
await connectIssuer(hub, issuer, {
  staff: { allow: { request: { app_labels: { tier: 'db' }, roles: ['oncall'], max_duration: '2h' } } },
  lead: { allow: { review: { app_labels: { tier: 'db' }, roles: ['oncall'] } } },
  oncall: { allow: { app_labels: { tier: 'none' } } },
})
const agent = await createTestAgent(hub, { transports: ['http2'] })
const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.end('rows')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(async () => {
  await agent.stop()
  server.close()
  await hub.stop()
  await issuer.close()
})
await hub.api('PUT', '/apps/orders-db', {
  kind: 'app',
  version: 'v1',
  metadata: { name: 'orders-db', labels: { tier: 'db' } },
  spec: {
    ...{ uri: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, protocol: 'tcp' },
    agents: ['node-1'],
  },
})
const proxy = new URL(hub.url).host
const MSH = { MSH_HOME: join(hub.dataDir, 'msh'), MEZITE_BROWSER: '/bin/true' }
const MEZCTL = { MEZCTL_HOME: join(hub.dataDir, 'mezctl'), MEZITE_BROWSER: '/bin/true' }
const OPERATOR = { MEZITE_DATA_DIR: hub.dataDir }
const login = ['login', '--proxy', proxy, '--ca-file', hub.caFile]

/** Allows a program to sign in, as this person. */
async function allow(name: string, group: string, address: string): Promise<void> {
  const email = `${name}@example.com`
  issuer.person = { sub: name, email, email_verified: true, groups: [group] }
  const visitor = hub.visitor()
  await visitor.submit(await visitor.open(address), /\/web\/cli/)
}

t.test('a request by msh waits, is approved by mezctl, and opens a TCP app', async (t) => {
  const signingIn = startMsh(login, MSH)
  const [, address = ''] = await signingIn.err(/Opening (https:\S+)/)
  await allow('ann', 'staff', address)
  t.equal((await signingIn.ended).code, 0)
  const admin = startMezctl(login, MEZCTL)
  const adminEnded = once(admin, 'close')
  let text = ''
  admin.stderr?.on('data', (chunk) => {
    text += String(chunk)
  })
  const page = /(https:\S+\/web\/cli\S*)\s/
  await until(() => page.test(text), 'mezctl names its page')
  await allow('lea', 'lead', page.exec(text)![1]!)
  await adminEnded

  const wrong = await runMsh(['request', 'create', '--app', 'orders-db', '--for', '1d'], MSH)
  t.match(wrong, { code: 1, err: /You can ask for at most 2h\.[\s\S]*\(duration_too_long\)/ })
  t.match(await runMsh(['request', 'create', '--for', '1h'], MSH), { code: 2 })
  const asking = startMsh(
    ['request', 'create', '--app', 'orders-db', '--for', '1h', '--reason', 'TICKET-7', '--wait'],
    MSH,
  )
  await asking.err(/Waiting for the decision/)
  const listed = await runMezctl(['requests', 'ls', '--state', 'pending', '--format', 'json'], MEZCTL)
  const [request] = JSON.parse(listed.out) as { id: string; user: string }[]
  t.match(request, { user: 'ann@example.com', app: 'orders-db', reason: 'TICKET-7' })
  const table = await runMezctl(['requests', 'ls'], MEZCTL)
  t.match(table.out, /pending +ann@example\.com +orders-db +1h +- +TICKET-7/)
  t.match(await runMezctl(['requests', 'approve', request!.id], OPERATOR), {
    code: 1,
    err: /\(person_required\)/,
  })
  const done = await runMezctl(['requests', 'approve', request!.id, '--for', '30m'], MEZCTL)
  t.match(done, { code: 0, out: /^Approved\. ann@example\.com has access to orders-db until / })
  const ended = await asking.ended
  t.match(ended, {
    code: 0,
    out: /^You have access to orders-db until .*\. Open it: msh app login orders-db\n$/,
  })
  const msh = await openApps(['orders-db'], MSH)
  t.equal((await readAll(dial(msh.ports['orders-db']!))).toString(), 'rows')
  await msh.stop()
  const used = async () =>
    (await hub.api<{ first_used: string | null }>('GET', `/access-requests/${request!.id}`)).first_used
  await until(async () => (await used()) !== null, 'the use of the grant is stored')
  await hub.api('DELETE', '/users/lea@example.com/mapped-roles')
  t.match(await runMezctl(['requests', 'get', request!.id, '--json'], OPERATOR), {
    out: /"state": ?"approved"/,
  })
  t.match(
    await hub.api('GET', `/access-requests/${request!.id}`),
    { state: 'approved' },
    'access that was used outlasts the right of its approver',
  )
  await hub.api('PATCH', '/users/lea@example.com', { roles: ['lead'] })
  t.match(await runMsh(['request', 'cancel', request!.id], MSH), { code: 0, out: 'Your access has ended.\n' })
  t.match(await runMsh(['request', 'ls'], MSH), { code: 0, out: /ended +ann@example\.com +orders-db/ })
})

t.test('a denial ends the waiting with status 1, and a role can be asked for', async (t) => {
  const asking = startMsh(
    ['request', 'create', '--roles', 'oncall', '--for', '1h', '--reason', 'x', '--wait'],
    MSH,
  )
  await asking.err(/Waiting for the decision/)
  const listed = await runMezctl(['requests', 'ls', '--state', 'pending', '--format', 'json'], MEZCTL)
  const [request] = JSON.parse(listed.out) as { id: string }[]
  const denied = await runMezctl(['requests', 'deny', request!.id, '--reason', 'not now'], MEZCTL)
  t.match(denied, { code: 0, out: 'Denied the request of ann@example.com.\n' })
  t.match(await asking.ended, { code: 1, err: /\(request_not_approved\)/ })
  const own = await runMsh(['request', 'ls', '--json'], MSH)
  t.notMatch(own.out, 'not now', 'the reason is for those who decide')
  const revoke = await runMezctl(['requests', 'revoke', request!.id, '--yes'], OPERATOR)
  t.match(revoke, { code: 1, err: /\(grant_not_live\)/ })
})

t.test('the operator asks in place of a person', async (t) => {
  const asked = [
    'requests',
    'create',
    '--user',
    'ann@example.com',
    '--app',
    'orders-db',
    '--for',
    '1h',
    '--reason',
    'T-1',
  ]
  const { code, out, err } = await runMezctl(asked, OPERATOR)
  t.match(
    { code, out, err },
    { err: '', code: 0, out: /^Asked for orders-db for ann@example.com. The id is / },
  )
  t.match(await runMezctl([...asked, '--role', 'oncall'], OPERATOR), { code: 2 })
  const [request] = await hub.api<{ id: string; asked_by: string }[]>('GET', '/access-requests?state=pending')
  t.equal(request?.asked_by, 'operator@socket')
  t.match(await runMezctl(['requests', 'deny', request!.id], MEZCTL), { code: 0 })
})

t.test('access review lists the roles that nobody has used, also as CSV', async (t) => {
  await hub.api('POST', '/users', { name: '=cmd()', roles: ['access'] })
  const all = JSON.parse((await runMezctl(['access', 'review', '--json'], OPERATOR)).out)
  t.match(
    all.find(({ user }: { user: string }) => user === 'lea@example.com'),
    { role: 'lead', source: 'assigned', apps: 0, last_used: null },
  )
  const { out } = await runMezctl(['access', 'review', '--unused', '90d', '--csv'], OPERATOR)
  t.match(out, /^user,role,source,apps,last_used,recorded_since\n/)
  t.match(out, /\n'=cmd\(\),access,assigned,1,,20/, 'no spreadsheet takes it for a formula')
  t.match(await runMezctl(['access', 'review', '--unused', 'long'], OPERATOR), {
    code: 1,
    err: /\(duration_invalid\)/,
  })
  await hub.api('PATCH', '/users/ann@example.com', { roles: ['access'] })
  const msh = await openApps(['orders-db'], MSH)
  t.equal((await readAll(dial(msh.ports['orders-db']!))).toString(), 'rows')
  await msh.stop()
  const unused = async () => {
    const rows = await hub.api<{ user: string; role: string }[]>('GET', '/access/review?unused=1d')
    return rows.filter(({ user }) => user === 'ann@example.com').map(({ role }) => role)
  }
  await until(async () => !(await unused()).includes('access'), 'the role counts as used')
  t.strictSame(await unused(), ['staff'])
})
