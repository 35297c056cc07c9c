// together: tunnels
/** Who may open a carrier: the proof in the request, once, for this request, within a minute. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { makeKeyRequest } from '../../../agent/certificate-request.ts'
import { fakeClock } from '../../../core/testing/index.ts'
import { createCarrierGate } from '../../../core/traffic/tunnel/carrier-gate.ts'
import { type CarrierOpening, joinTokenId, proveAgent, proveJoin } from '../../../core/wire/carrier-proof.ts'
import { partly } from '../../hub/partly.ts'
import { quiet } from './open-test-store.ts'
import { startTunnelHub } from './start-tunnel-hub.ts'

const opening: CarrierOpening = { method: 'GET', host: 'hub.example.com', path: '/v1/tunnel/websocket' }
const from = { clientIp: '192.0.2.1' }
const DAY = 86_400_000

const [hub, other] = [await startTunnelHub(), await startTunnelHub({ apart: true })]
t.teardown(async () => {
  await other.close()
  await hub.close()
})

async function agentOf({ authorities }: typeof hub, hostname = 'node-1') {
  const { key, csr } = await makeKeyRequest(hostname)
  return { key, ...(await authorities.issueAgent({ csr, hostname, generation: 1 })) }
}
const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')

const joining = (tokens: number) => ({ proxy: { limits: { callsPerMinute: { tokens } } } })

function gateOf(options: { hashes?: readonly string[]; joinsPerMinute?: number } = {}) {
  const clock = fakeClock()
  let queries = 0
  const gate = createCarrierGate(
    partly({
      authorities: hub.authorities,
      clusterName: 'test',
      clock,
      log: quiet,
      config: joining(options.joinsPerMinute ?? 30),
      joinTokens: {
        async findHash(id) {
          queries += 1
          return options.hashes?.find((hash) => joinTokenId(hash) === id) ?? null
        },
      },
    }),
  )
  return { clock, gate, queries: () => queries }
}

t.test('R189 an agent is admitted once, to the request that it signed', async (t) => {
  const agent = await agentOf(hub)
  const { gate, clock } = gateOf()
  const prove = proveAgent(agent, clock)
  const proof = prove(opening)
  for (const wrong of [
    { ...opening, method: 'CONNECT' as const },
    { ...opening, host: 'other.example.com' },
    { ...opening, path: '/v1/tunnel/webtransport' },
  ])
    t.notOk(await gate.admits(wrong, proof, from), JSON.stringify(wrong))
  t.ok(await gate.admits(opening, proof, from))
  t.notOk(await gate.admits(opening, proof, from), 'a second time')
  t.notOk(await gate.admits(opening, proof, { clientIp: '198.51.100.7' }), 'from elsewhere')
  t.ok(await gate.admits(opening, prove(opening), from), 'a new proof')
})

t.test(
  'R189 the time of a proof may differ by 60 s from the hub’s clock, and every nonce is remembered',
  async (t) => {
    const agent = await agentOf(hub)
    const { gate, clock } = gateOf()
    const prove = proveAgent(agent, clock)
    const [early, late] = [prove(opening), prove(opening)]
    clock.advance(58_000)
    t.ok(await gate.admits(opening, early, from))
    clock.advance(4_000)
    t.notOk(await gate.admits(opening, late, from), 'too old')
    const ahead = { now: () => clock.now() + 58_000 }
    const future = proveAgent(agent, ahead)(opening)
    t.ok(await gate.admits(opening, future, from), 'of a fast clock')
    clock.advance(100_000)
    t.notOk(await gate.admits(opening, future, from), 'its nonce is still known')
    const far = { now: () => clock.now() + 62_000 }
    t.notOk(await gate.admits(opening, proveAgent(agent, far)(opening), from), 'of the future')
  },
)

t.test('R189 certificates of others, of another key, and ones past renewal are refused', async (t) => {
  const [agent, twin, stranger] = [await agentOf(hub), await agentOf(hub), await agentOf(other)]
  const { gate, clock } = gateOf()
  t.notOk(await gate.admits(opening, proveAgent(stranger, clock)(opening), from), 'of another cluster')
  const stolen = { key: twin.key, certificate: agent.certificate }
  t.notOk(await gate.admits(opening, proveAgent(stolen, clock)(opening), from), 'of another key')
  clock.jump(agent.notAfter + 6 * DAY)
  t.ok(await gate.admits(opening, proveAgent(agent, clock)(opening), from), 'one that can be renewed')
  clock.jump(agent.notAfter + 8 * DAY)
  t.notOk(await gate.admits(opening, proveAgent(agent, clock)(opening), from), 'one that cannot')
})

t.test('R189 an agent proves a join token with the stored hash, and does not reveal it', async (t) => {
  const { gate, clock, queries } = gateOf({ hashes: [hashOf('token-1')] })
  const proof = proveJoin('token-1', clock)(opening)
  t.notOk(proof.includes('token-1'))
  t.notOk(proof.includes(hashOf('token-1')))
  t.ok(await gate.admits(opening, proof, from))
  t.notOk(await gate.admits(opening, proof, from), 'a second time')
  t.equal(queries(), 1, 'which takes no query')
  t.notOk(await gate.admits(opening, proveJoin('token-2', clock)(opening), from), 'an unknown token')
  const mac = /mac="[^"]+"/
  const forged = proveJoin('token-1', clock)(opening).replace(mac, mac.exec(proof)![0])
  t.notOk(await gate.admits(opening, forged, from), 'the MAC of another request')
})

t.test('R189 wrong proofs are counted by address, and cost others nothing', async (t) => {
  const { gate, clock, queries } = gateOf({ hashes: [hashOf('token-1')], joinsPerMinute: 3 })
  for (let n = 0; n < 10; n++) await gate.admits(opening, proveJoin(`guess-${n}`, clock)(opening), from)
  t.equal(queries(), 3)
  t.ok(await gate.admits(opening, proveJoin('token-1', clock)(opening), { clientIp: '198.51.100.7' }))
  const agent = await agentOf(hub)
  t.ok(
    await gate.admits(opening, proveAgent(agent, clock)(opening), from),
    'an agent behind the same address',
  )
})

t.test('R189 neither one agent nor one join token can fill the table of nonces', async (t) => {
  const [agent, second] = [await agentOf(hub), await agentOf(hub, 'node-2')]
  const { gate, clock } = gateOf({ hashes: [hashOf('token-1'), hashOf('token-2')] })
  const admitted = async (prove: (to: CarrierOpening) => string, count: number) => {
    let all = 0
    for (let n = 0; n < count; n++) if (await gate.admits(opening, prove(opening), from)) all++
    return all
  }
  t.equal(await admitted(proveAgent(agent, clock), 650), 600)
  t.equal(await admitted(proveAgent(second, clock), 1), 1, 'another agent')
  t.equal(await admitted(proveJoin('token-1', clock), 10_050), 10_000)
  t.equal(await admitted(proveJoin('token-2', clock), 1), 1, 'another token')
  clock.advance(60_000)
  t.equal(await admitted(proveAgent(agent, clock), 1), 1, 'a minute later')
})

t.test('R189 anything else is not a proof', async (t) => {
  const { gate, clock } = gateOf()
  const proof = proveAgent(await agentOf(hub), clock)(opening)
  for (const wrong of [
    undefined,
    '',
    'Bearer x',
    'Mezite-Agent',
    `${proof} `,
    proof.replace('Mezite-Agent', 'mezite-agent'),
    proof.replace(', time', ',time'),
    proof.replace(/cert="[^"]+"/, 'cert="AAAA"'),
    proof.replace(/time="\d+"/, 'time="-1"'),
    proof.replace(/nonce="[^"]+"/, 'nonce="short"'),
    proof.replace(/sig="[^"]+"/, 'sig="AAAA"'),
    `Mezite-Join id="x", time="${Math.floor(clock.now() / 1_000)}", nonce="0123456789abcdef", mac="AAAA"`,
  ])
    t.notOk(await gate.admits(opening, wrong, from), wrong?.slice(0, 60) ?? 'none')
})

t.test('R189 a query that fails admits nobody', async (t) => {
  const clock = fakeClock()
  const gate = createCarrierGate(
    partly({
      authorities: hub.authorities,
      clusterName: 'test',
      clock,
      log: quiet,
      config: joining(30),
      joinTokens: { findHash: () => Promise.reject(new Error('no database')) },
    }),
  )
  t.notOk(await gate.admits(opening, proveJoin('token-1', clock)(opening), from))
})
