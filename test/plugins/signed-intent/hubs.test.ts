// long
/** Requests that wait at one of two hubs: any hub takes the signature, and no other one ever sends them, nor does the one that was restarted. */
import t from 'tap'
import { FakeIssuer, type TestHub } from '../../../core/testing/index.ts'
import { connect, register } from '../../e2e/resources.ts'
import { startAgent } from '../../e2e/start-agent.ts'
import { startTwoHubs } from '../../e2e/start-two-hubs.ts'
import { registerClient } from '../authorization-server/world.ts'
import { roleOf, type Said, type Signer, signersOf, startCounting } from './signing.ts'

const { received, port } = await startCounting(t)
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const program = { 'authorization-server': { enabled: true, registration: true } }
const pair = await startTwoHubs(t, { config: { plugins: program } })
const { a, b, dir } = pair
const agent = await startAgent({
  hostname: 'node',
  proxy: `hub.mezite.localhost:${a.port}`,
  api: a.api,
  dir,
})
t.teardown(() => agent.stop())
await connect(a.api, issuer, 'dev')
await a.api('PUT', '/roles/dev', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'dev' },
  spec: roleOf(true),
})
await register(a.api, 'git', port, { agents: ['node'] })
const hub = { ...pair, api: a.api, url: pair.hubUrl, signInUrl: pair.hubUrl } as unknown as TestHub
const person = (name: string) => {
  issuer.person = {
    ...{ sub: name, email: `${name}@example.com`, email_verified: true, groups: ['platform-team'] },
  }
}
const { signer, leave, poll, sign } = await signersOf(hub, person, await registerClient(hub))
const dora = await signer('dora')

const writes = () => received.splice(0).filter(({ method }) => method !== 'GET')

/** A request that waits at hub A. */
async function waiting(path: string): Promise<Said> {
  pair.balanceTo(a)
  return leave(dora, 'DELETE', path)
}

async function signAtB(who: Signer, said: Said) {
  pair.balanceTo(b)
  return sign(who, said.challenge_url ?? '')
}

t.test('a person signs at hub B what hub A holds, and hub A alone sends it, once', async (t) => {
  const said = await waiting('/repos/dora/pair')
  t.match(await signAtB(dora, said), { status: 200 })
  t.match(await poll(dora, said), { status: 404, code: 'held_unknown' }, 'hub B does not have it')
  t.strictSame(writes(), [])
  pair.balanceTo(a)
  t.match(await poll(dora, said), { status: 200, text: 'done DELETE /repos/dora/pair' })
  t.match(await poll(dora, said), { status: 404 })
  t.equal(writes().length, 1)
})

t.test('a hub that stops drops its held requests: they are neither signed nor sent afterwards', async (t) => {
  const [unsigned, signed] = [await waiting('/repos/dora/one'), await waiting('/repos/dora/two')]
  t.match(await signAtB(dora, signed), { status: 200 })
  // Without the deadline of `stop`, which a busy machine could miss.
  a.program.signal('SIGTERM')
  await a.program.exited
  await a.restart()
  t.match(await signAtB(dora, unsigned), { status: 404, code: 'statement_unknown' })
  pair.balanceTo(a)
  for (const said of [unsigned, signed])
    t.match(await poll(dora, said), { status: 404, code: 'held_unknown' })
  t.strictSame(writes(), [])
})

t.test(
  'a hub that is killed has forgotten its held requests, also those that are signed later',
  async (t) => {
    const said = await waiting('/repos/dora/three')
    a.program.signal('SIGKILL')
    await a.program.exited
    await a.restart()
    // Nobody could tell the other hub, so that a signature is taken and leads to nothing.
    t.match(await signAtB(dora, said), { status: 200 })
    pair.balanceTo(a)
    t.match(await poll(dora, said), { status: 404, code: 'held_unknown' })
    t.strictSame(writes(), [])
  },
)
