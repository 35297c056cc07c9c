// together: programs
/** Requests of programs that a person must sign: what was signed reaches the app, once, and nothing else ever does. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { digest, type Received, type Signer, startSigning } from './signing.ts'

const world = await startSigning(t)
const { hub, clock, received, notified, signer, send, leave, poll, begin, finish, sign, decline, nextPage } =
  world
const dora = await signer('dora')
const evan = await signer('evan')

/** What reached the app of writes since the last call. */
function taken(): readonly Received[] {
  const all = received.splice(0).filter(({ method }) => method !== 'GET')
  return all
}

const claimsOf = (token: unknown) =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())
const headOf = (token: unknown) =>
  JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString())

t.test('a program waits, its person is notified and signs, and the app gets these bytes, once', async (t) => {
  const body = JSON.stringify({ private: true })
  const waiting = send(dora, 'POST', '/repos/dora?force=1', {
    body,
    headers: { 'content-type': 'application/json', 'mezite-intent': 'forged' },
  })
  const page = await nextPage()
  t.strictSame(taken(), [], 'nothing is sent before')
  t.match(await sign(dora, page), { status: 200 })
  const response = await waiting
  t.equal(response.status, 200)
  t.equal(response.text, 'done POST /repos/dora?force=1')
  const [one, ...more] = taken()
  t.strictSame(more, [])
  t.equal(one?.sha256, digest(body))
  t.equal(one?.headers['x-mezite-user'], 'dora@example.com')
  const token = one?.headers['mezite-intent']
  t.match(headOf(token), { alg: 'ES256', typ: 'mezite-intent+jwt' })
  t.equal(
    headOf(token).kid,
    headOf(one?.headers['mezite-jwt-assertion']).kid,
    'the keys of the identity assertion',
  )
  t.match(claimsOf(token), {
    sub: 'dora@example.com',
    app: 'git',
    method: 'POST',
    path: '/repos/dora',
    query_sha256: digest('force=1'),
    body_sha256: digest(body),
    body_bytes: body.length,
    content_type: 'application/json',
    signer: 'dora@example.com',
  })
  t.match(await sign(dora, page), { status: 404, code: 'statement_unknown' }, 'it is signed once')
})

t.test('without waiting: 202, then the response at the address of the outcome, once', async (t) => {
  const said = await leave(dora, 'DELETE', '/repos/dora/shop')
  t.match(said, {
    location: /\/\.mezite\/held\/[\w-]{32}$/,
    challenge_url: /\/web\/sign\/signed-intent\/[\w-]{22}$/,
  })
  const page = await dora.visitor.open(said.challenge_url ?? '')
  t.match(page.text, /Delete repository <strong>shop<\/strong>/)
  t.match(page.text, 'DELETE /repos/dora/shop')
  t.match(await sign(dora, said.challenge_url ?? ''), { status: 200 })
  t.strictSame(taken(), [], 'it waits for its program')
  t.match(await poll(dora, said), { status: 200, text: 'done DELETE /repos/dora/shop' })
  t.match(await poll(dora, said), { status: 404, code: 'held_unknown' }, 'replayed')
  t.equal(taken().length, 1)
  notified.length = 0
})

t.test('mezctl writes the proof of an event to a file, and verifies it without a hub', async (t) => {
  const online = { MEZITE_DATA_DIR: hub.dataDir, MEZCTL_HOME: join(hub.dataDir, 'home') }
  const offline = { MEZITE_DATA_DIR: '/nonexistent', MEZCTL_HOME: '/nonexistent' }
  const events = () => hub.api<{ id: string; path: string }[]>('GET', '/audit?type=intent.signed')
  await until(async () => (await events()).some(({ path }) => path === '/repos/dora/shop'), 'it is recorded')
  const id = (await events()).find(({ path }) => path === '/repos/dora/shop')?.id ?? ''
  const file = join(hub.dataDir, 'proof.json')
  const written = await runMezctl(['audit', 'prove', id, '--out', file], online)
  t.match(written, { code: 0, out: `Wrote ${file}.` })
  t.match(await runMezctl(['audit', 'prove', id, '--out', file], online), { code: 2, err: /EEXIST/ })
  const checked = await runMezctl(['audit', 'prove', '--check', file], offline)
  t.match(checked, { code: 0, out: 'The signature is valid: dora@example.com signed this' })
  t.match(checked.out, /method: DELETE\n/)
  t.match(checked.out, /path: \/repos\/dora\/shop\n/)
  const asJson = await runMezctl(['audit', 'prove', '--check', file, '--json'], offline)
  t.match(JSON.parse(asJson.out), { valid: true, signer: 'dora@example.com', body_sha256: digest('') })
  const proof = JSON.parse(readFileSync(file, 'utf8'))
  const statement = Buffer.from(proof.statement, 'base64url').toString().replace('/shop', '/blog')
  writeFileSync(file, JSON.stringify({ ...proof, statement: Buffer.from(statement).toString('base64url') }))
  const forged = await runMezctl(['audit', 'prove', '--check', file], offline)
  t.match(forged, { code: 2, err: /the passkey has signed another statement/ })
})

t.test('texts of the request are shown as text, without invisible characters, and bounded', async (t) => {
  const name = encodeURIComponent(`<b>x\u202e${'a'.repeat(200)}`)
  const said = await leave(dora, 'DELETE', `/repos/dora/${name}`)
  const { text } = await dora.visitor.open(said.challenge_url ?? '')
  t.match(text, `Delete repository <strong>&lt;b>x\ufffd${'a'.repeat(75)}…</strong>`)
  t.notMatch(text, /<b>x|\u202e/)
  await decline(dora, said.challenge_url ?? '')
  t.match(await poll(dora, said), { status: 403, code: 'signature_declined' })
  t.strictSame(taken(), [])
})

t.test(
  'a body of more than 1 MiB goes through a file, and comes out as it was; a larger one is refused',
  async (t) => {
    const body = Buffer.alloc(3_000_001, 'abcdefg')
    const said = await leave(dora, 'PUT', '/repos/dora/big', { body })
    await sign(dora, said.challenge_url ?? '')
    t.match(await poll(dora, said), { status: 200 })
    t.match(taken(), [{ bytes: body.length, sha256: digest(body) }])
    const refused = await send(dora, 'PUT', '/repos/dora/big', { body: Buffer.alloc(4_000_001) })
    t.match(refused, { status: 413, code: 'body_too_large' })
    t.strictSame(taken(), [])
  },
)

t.test(
  'a signature counts for its request alone: never another body, app, person or challenge',
  async (t) => {
    const one = await leave(dora, 'POST', '/repos/dora/shop', { body: 'one' })
    const two = await leave(dora, 'POST', '/repos/dora/shop', { body: 'two' })
    const [first, second] = [one.challenge_url ?? '', two.challenge_url ?? '']
    t.match(await sign(evan, first), { status: 404, code: 'statement_unknown' }, 'another person')
    const begun = await begin(dora, first)
    const response = dora.key.get(begun.options)
    t.match(
      await finish(dora, second, begun.ceremony, response),
      { code: 'challenge_foreign' },
      'the other body',
    )
    t.match(await finish(dora, first, begun.ceremony, response), { code: 'challenge_spent' }, 'used already')
    const unverified = await begin(dora, first)
    const weak = dora.key.get(unverified.options, { clear: 0x04 })
    t.match(
      await finish(dora, first, unverified.ceremony, weak),
      { status: 400 },
      'without user verification',
    )
    t.match(await poll(evan, one), { status: 404, code: 'held_unknown' }, 'the program of another person')
    const elsewhere = { headers: { location: one.headers.location?.replace('git.', 'wiki.') } }
    const other = await poll(dora, elsewhere as never)
    t.ok(other.status === 401 || other.status === 404, 'another app')
    t.strictSame(taken(), [], 'nothing of it was sent')
    await sign(dora, second)
    t.match(await poll(dora, two), { status: 200 })
    t.match(taken(), [{ sha256: digest('two') }], 'the one that was signed, alone')
    await decline(dora, first)
    t.match(await poll(dora, one), { status: 403 })
  },
)

t.test('two at once: one signature of two is taken, and one of two polls gets the response', async (t) => {
  const said = await leave(dora, 'DELETE', '/repos/dora/twice')
  const url = said.challenge_url ?? ''
  const [left, right] = await Promise.all([begin(dora, url), begin(dora, url)])
  const signed = [
    await finish(dora, url, left.ceremony, dora.key.get(left.options)),
    await finish(dora, url, right.ceremony, dora.key.get(right.options)),
  ]
  t.strictSame(signed.map(({ status }) => status).sort(), [200, 404])
  const polls = await Promise.all([poll(dora, said), poll(dora, said), poll(dora, said)])
  t.strictSame(polls.map(({ status }) => status).sort(), [200, 404, 404])
  t.equal(taken().length, 1)
})

t.test('too late: neither signed nor sent after two minutes', async (t) => {
  const late = await leave(dora, 'DELETE', '/repos/dora/late')
  const signed = await leave(dora, 'DELETE', '/repos/dora/signed')
  await sign(dora, signed.challenge_url ?? '')
  clock.advance(120_001)
  await hub.ready()
  t.match(await sign(dora, late.challenge_url ?? ''), { status: 404 })
  t.match(await poll(dora, signed), { status: 403, code: 'intent_over' })
  t.strictSame(taken(), [])
  await endAll(late)
})

/** Ends what still waits, by the program that leaves. */
async function endAll(...all: readonly Awaited<ReturnType<typeof leave>>[]): Promise<void> {
  for (const one of all) await decline(dora, one.challenge_url ?? '')
}

t.test('a person with as many requests as may wait gets 429, and others do not', async (t) => {
  const before = [await hold(dora), await hold(dora)]
  const refused = await send(dora, 'DELETE', '/repos/dora/many', { headers: { prefer: 'respond-async' } })
  t.match(refused, { status: 429, code: 'too_many_held' })
  const other = await hold(evan)
  await decline(evan, other.challenge_url ?? '')
  t.match(await poll(evan, other), { status: 403 })
  for (const one of before) {
    await decline(dora, one.challenge_url ?? '')
    t.match(await poll(dora, one), { status: 403, code: 'signature_declined' })
  }
  t.strictSame(taken(), [])
})

const hold = (who: Signer) => leave(who, 'DELETE', '/repos/dora/many')

t.test('a second person signs who may do the same; the first one cannot', async (t) => {
  const said = await leave(dora, 'POST', '/releases/1', { body: 'v1' })
  const page = said.challenge_url ?? ''
  t.match(page, '/web/intents/')
  t.match((await dora.visitor.open(page)).text, 'Somebody else must sign this')
  t.match(await sign(dora, page), { status: 404 })
  t.match(await sign(evan, page), { status: 200 })
  t.match(await poll(dora, said), { status: 200 })
  t.match(taken(), [{ sha256: digest('v1') }])
})

t.test('the role, the person or the second person loses access between signature and request', async (t) => {
  const ready = async (method: string, path: string, by = dora) => {
    const said = await leave(dora, method, path)
    t.match(await sign(by, said.challenge_url ?? ''), { status: 200 })
    return said
  }
  const own = await ready('DELETE', '/repos/dora/role')
  await world.rules(false)
  t.match(await poll(dora, own), { status: 403, code: 'request_not_allowed' }, 'the role is taken away')
  await world.rules(true)
  const second = await ready('POST', '/releases/2', evan)
  await hub.api('POST', '/locks', { target: { user: 'evan@example.com' } })
  t.match(
    await poll(dora, second),
    { status: 403, code: 'signer_lost_access' },
    'the second person is locked',
  )
  const locked = await ready('DELETE', '/repos/dora/locked')
  await hub.api('POST', '/locks', { target: { user: 'dora@example.com' } })
  t.match(await poll(dora, locked), { status: 403, code: 'locked' })
  t.strictSame(taken(), [])
})
