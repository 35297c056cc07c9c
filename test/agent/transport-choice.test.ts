// together: quick
/** Which transport an agent uses, and the cause that it logs when one fails. */
import { PassThrough } from 'node:stream'
import t from 'tap'
import { createTransportChoice, likelyCause, selectTransports } from '../../agent/transport-choice.ts'
import { MezError } from '../../core/kernel/error.ts'
import { memoryLog } from '../../core/testing/index.ts'

const address = { host: 'hub.example.com', port: 443 }
const signal = new AbortController().signal
const prove = () => 'proof'
const use = async (_carrier: unknown, transport: string) => transport

/** Transports by name; those in `broken` fail. */
function start(names: readonly string[], broken: Set<string>) {
  const { log, lines } = memoryLog()
  const dialled: string[] = []
  const transports = names.map((name) => ({
    name,
    async dial() {
      dialled.push(name)
      if (broken.has(name)) throw new MezError('MEZ_HUB_UNREACHABLE', `connect ECONNREFUSED ${name}`)
      return new PassThrough()
    },
  }))
  return { choice: createTransportChoice({ address, transports, log }), lines, dialled }
}

t.test('a single transport is kept whatever happens', async (t) => {
  const broken = new Set(['http2'])
  const { choice, dialled } = start(['http2'], broken)
  for (let n = 0; n < 3; n++)
    await t.rejects(choice.reach(use, { signal, prove }), { code: 'MEZ_HUB_UNREACHABLE' })
  choice.failed('http2')
  t.notOk(choice.fellBack)
  broken.clear()
  t.equal(await choice.reach(use, { signal, prove }), 'http2')
  t.same([...new Set(dialled)], ['http2'])
})

t.test('several transports are tried in order until a preferred one works', async (t) => {
  const broken = new Set(['http2'])
  const { choice, lines, dialled } = start(['http2', 'websocket', 'webtransport'], broken)
  t.equal(await choice.reach(use, { signal, prove }), 'websocket')
  t.ok(choice.fellBack)
  t.ok(
    lines.some((line) => line.includes('http2 does not get through') && line.includes('443')),
    'the log names transport, port and cause',
  )
  dialled.length = 0
  t.equal(await choice.reach(use, { signal, prove }), 'websocket')
  t.same(dialled, ['websocket'], 'without trying the others again')
  await t.rejects(choice.reach(use, { signal, prove, onlyPreferred: true }))
  t.ok(choice.fellBack)
  broken.clear()
  t.equal(await choice.reach(use, { signal, prove, onlyPreferred: true }), 'http2')
  t.notOk(choice.fellBack)
})

t.test('a token that is refused over one transport is not tried over others', async (t) => {
  const { choice, dialled } = start(['http2', 'websocket'], new Set())
  const refuse = async (): Promise<never> => {
    throw new MezError('MEZ_TOKEN_REFUSED', 'the token was used')
  }
  await t.rejects(choice.reach(refuse, { signal, prove }), { code: 'MEZ_TOKEN_REFUSED' })
  t.same(dialled, ['http2'])
})

t.test('the cause of a failure is reported to the people who can repair it', (t) => {
  const untrusted = (why: string) =>
    new MezError('MEZ_HUB_UNTRUSTED', `the hub's certificate is not trusted: ${why}`)
  for (const [error, cause] of [
    [new Error('getaddrinfo ENOTFOUND hub.example.com'), /DNS/],
    [new Error('connect ECONNREFUSED 192.0.2.1:443'), /Nothing listens on TCP port 443/],
    [new Error('connect EHOSTUNREACH'), /no route/],
    [new Error("the transport 'http2' timed out after 4000 ms"), /drops connections to TCP port 443/],
    [new Error('CONNECT was refused (403) through the proxy 192.0.2.1:3128'), /HTTP proxy/],
    [untrusted('self-signed certificate in certificate chain'), /inspects TLS/],
    [untrusted('certificate is not yet valid'), /clock/],
    [untrusted('certificate has expired'), /clock/],
    [new Error('read ECONNRESET'), /only ordinary web traffic/],
  ] as const)
    t.match(likelyCause(error, 443), cause, error.message)
  t.end()
})

t.test('unknown and duplicate names of transports are refused', (t) => {
  const http2 = { name: 'http2', dial: async () => new PassThrough() }
  t.throws(() => selectTransports([http2], ['quic']), { code: 'MEZ_CONFIG_INVALID' })
  t.throws(() => selectTransports([http2, http2], undefined), { code: 'MEZ_SERVICE_TWICE' })
  t.same(selectTransports([http2], []), [http2])
  t.end()
})
