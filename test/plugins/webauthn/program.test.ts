// together: sign-in
/** An app that demands a passkey opens in msh after a confirmation in the browser, for this login and this app alone. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runMsh, startMsh } from '../../oclif-cli/msh-program.ts'
import { MSH, runMezctl } from '../../oclif-cli/run-program.ts'
import { type Holder, startKeyHub } from './key-hub.ts'

const keys = await startKeyHub({}, [], { 'authorization-server': { enabled: true } })
t.teardown(() => keys.hub.stop())
const homes = mkdtempSync(join(tmpdir(), 'mezite-program-'))
t.teardown(() => rmSync(homes, { recursive: true, force: true }))
const envOf = (name: string) => ({ MSH_HOME: join(homes, name), MEZITE_BROWSER: '/bin/true' })

/** A person with a passkey and a login of msh; `session` is the id of that login. */
async function person(name: string) {
  const holder = await keys.person(name)
  const args = ['login', '--proxy', new URL(keys.hub.url).host, '--ca-file', keys.hub.caFile, '--json']
  const login = startMsh(args, envOf(name))
  const [, address = ''] = await login.err(/Opening (https:\S+)/)
  await holder.visitor.submit(await holder.visitor.open(address), /\/web\/cli/)
  const { code, out, err } = await login.ended
  if (code !== 0) throw new Error(err)
  return { ...holder, session: String(JSON.parse(out).session_id) }
}

const begin = (holder: Holder, session: string, app: string) =>
  keys.post(holder.visitor, '/web/confirm/begin', { session, app })
async function confirm(holder: Holder, session: string, app: string, port: string | number, signer = holder) {
  const asked = await begin(holder, session, app)
  if (asked.status !== 200) return asked
  const response = signer.key.get(asked.options)
  return keys.post(holder.visitor, '/web/confirm/finish', {
    session,
    app,
    port: String(port),
    ceremony: asked.ceremony,
    response,
  })
}

t.test('msh opens the page, waits for the passkey, and goes on', { timeout: 180_000 }, async (t) => {
  const ann = await person('ann')
  const msh = startMsh(['app', 'login', 'vault'], envOf('ann'))
  const [, address = ''] = await msh.err(/vault needs your passkey\.\nOpening (https:\S+)/)
  const page = await ann.visitor.open(address)
  t.match(page.text, /msh opens vault in your terminal/)
  const asked = new URL(address).searchParams
  t.equal(asked.get('session'), ann.session)
  const done = await confirm(ann, ann.session, 'vault', asked.get('redirect_port')!)
  t.equal(done.status, 200)
  const answer = await fetch(done.location, { redirect: 'manual' })
  t.equal(answer.headers.get('location'), `${new URL(address).origin}/web/confirm/done`)
  t.match((await ann.visitor.open(`${keys.origin}/web/confirm/done`)).text, /<h1>Confirmed<\/h1>/)
  await msh.out(/^Tunnel open: http:\/\/127\.0\.0\.1:\d+ -> vault\n/)
  await msh.stop()

  const again = startMsh(['app', 'login', 'vault'], envOf('ann'))
  await again.out(/Tunnel open/)
  t.notMatch((await again.stop()).err, 'passkey', 'this login has confirmed for this app')
  const other = startMsh(['app', 'login', 'other'], envOf('ann'))
  await other.err(/other needs your passkey/)
  await other.stop()
})

t.test('a TCP app that needs a passkey opens no port before the confirmation', async (t) => {
  await keys.hub.api('PUT', '/apps/db', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'db', labels: { tier: 'vault' } },
    spec: { uri: 'tcp://127.0.0.1:9', agents: ['none'] },
  })
  const dan = await person('dan')
  const msh = startMsh(['app', 'login', 'db'], envOf('dan'))
  const [, address = ''] = await msh.err(/db needs your passkey\.\nOpening (https:\S+)/)
  const port = new URL(address).searchParams.get('redirect_port')!
  const { location } = await confirm(dan, dan.session, 'db', port)
  t.equal((await fetch(location, { redirect: 'manual' })).status, 303)
  await msh.out(/^Tunnel open: 127\.0\.0\.1:\d+ -> db\n/)
  await msh.stop()
})

t.test(
  'msh token opens the page as msh app login does, and prints a token then',
  { timeout: 180_000 },
  async (t) => {
    const fay = await person('fay')
    const msh = startMsh(['token', 'vault'], envOf('fay'))
    const [, address = ''] = await msh.err(/vault needs your passkey\.\nOpening (https:\S+)/)
    const port = new URL(address).searchParams.get('redirect_port')!
    const { location } = await confirm(fay, fay.session, 'vault', port)
    t.equal((await fetch(location, { redirect: 'manual' })).status, 303)
    const { code, out, err } = await msh.ended
    t.equal(code, 0, err)
    t.match(out, /^mez_at_\S+\n$|^\S{20,}\n$/)
  },
)

t.test('helpers of other programs print the address of the page', { timeout: 180_000 }, async (t) => {
  const gus = await person('gus')
  const host = new URL(keys.hub.appUrl('vault')).host
  const helpers: readonly (readonly [args: readonly string[], input: string])[] = [
    [['kube', 'credential', 'vault'], ''],
    [['git-credential', 'get'], `protocol=https\nhost=${host}\n\n`],
    [['docker-credential', 'get'], host],
  ]
  const wanted = /vault needs your passkey: open (https:\S+) in a browser, then try again/
  for (const [args, input] of helpers) {
    const { code, out, err } = await runMezctl(args, envOf('gus'), input, MSH)
    t.equal(code, 1)
    t.match(out + err, wanted, args.join(' '))
    const address = new URL(wanted.exec(out + err)?.[1] ?? '')
    t.match((await gus.visitor.open(address.href)).text, /msh opens vault in your terminal/)
  }
  t.match(await confirm(gus, gus.session, 'vault', ''), { status: 200, location: '/web/confirm/done' })
  for (const [args, input] of helpers) {
    const { code, err } = await runMezctl(args, envOf('gus'), input, MSH)
    t.equal(code, 0, err)
  }
})

t.test('a person can confirm only their own login, with their own passkey', async (t) => {
  const [bob, eve] = [await person('bob'), await person('eve')]
  t.match(await confirm(eve, bob.session, 'vault', 50_000), { status: 404, code: 'session_unknown' })
  t.match(await confirm(bob, bob.session, 'vault', 50_000, eve), { status: 400, code: 'key_unknown' })
  t.match(await confirm(bob, bob.session, 'nothing', 50_000), { status: 404, code: 'app_unknown' })
  for (const port of ['80', 'x', '99999'])
    t.match(await confirm(bob, bob.session, 'vault', port), { status: 400, code: 'bad_target' }, port)
  const foreign = await begin(bob, bob.session, 'other')
  t.match(
    await keys.post(bob.visitor, '/web/confirm/finish', {
      session: bob.session,
      app: 'vault',
      port: '50000',
      ceremony: foreign.ceremony,
      response: bob.key.get(foreign.options),
    }),
    { status: 400, code: 'challenge_foreign' },
  )
  const stranger = await keys.hub
    .visitor()
    .open(`${keys.origin}/web/confirm?session=${bob.session}&app=vault`)
  t.notMatch(stranger.text, 'msh opens', 'a stranger is sent to sign in')
  const refused = startMsh(['app', 'login', 'vault'], envOf('bob'))
  await refused.err(/needs your passkey/)
  await refused.stop()
})

t.test('confirmations of a removed passkey no longer count', async (t) => {
  const carl = await person('carl')
  t.equal((await confirm(carl, carl.session, 'vault', 50_000)).status, 200)
  await keys.hub.api('DELETE', '/users/carl/mfa')
  const { code, err } = await runMsh(['app', 'login', 'vault'], envOf('carl'))
  t.equal(code, 1, err)
})
