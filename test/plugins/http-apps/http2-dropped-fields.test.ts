// together: quick
/**
 * Fields of HTTP/2 that Node.js removes before any code of the hub runs. SECURITY.md lists them. Nothing tells the hub that
 * there was one, so the rest of the block must mean the same with it as without.
 */
import t, { type Test } from 'tap'
import {
  block,
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  type Fields,
  frame,
  HEADERS,
} from '../../traffic/http/raw-http2.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, COOKIE, openGateway } from './gateway.ts'
import { fields, rawClient } from './http2-requests.ts'

async function open(t: Test) {
  const app = await openByteApp(() => OK)
  const gateway = await openGateway(appAt(app.port))
  const client = await rawClient(gateway)
  t.teardown(async () => {
    client.socket.destroy()
    app.close()
    await gateway.close()
  })
  let id = -1
  /** Sends a block in one frame or more; returns the status and the head that the app has received. */
  const send = async (...parts: Buffer[]) => {
    id += 2
    const before = app.requests.length
    const frames = parts.map((part, index) => {
      const end = index === parts.length - 1 ? END_HEADERS : 0
      return index === 0 ? frame(HEADERS, end | END_STREAM, id, part) : frame(CONTINUATION, end, id, part)
    })
    client.send(...frames)
    const status = await client.status(id)
    const head = app.requests[before]?.replace(/\r\nX-Request-Id: [^\r]*/i, '') ?? null
    return { status, head }
  }
  return { send, request: (list: Fields) => send(block(list)) }
}

/** One of each kind. */
const DROPPED: Fields = [
  ['x:y', '1'],
  ['x y', '1'],
  ['', '1'],
  ['x\r\nx-mezite-user', 'eve'],
  ['x-evil', 'a\r\nx-mezite-user: eve'],
  ['x-evil', 'a\nx-mezite-user: eve'],
  ['x-evil', 'a\0b'],
  ['cookie', `${COOKIE}\0`],
  ['host', 'b.apps.test\r'],
]

t.test('H110 exactly the fields of the list in SECURITY.md are dropped', async (t) => {
  const { request } = await open(t)
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
  /** The letters for a token of RFC 9110 section 5.6.2. A capital letter resets the stream. */
  const named = bytes.filter((one) => !/[A-Z]/.test(one))
  const mark = (one: string) => one.charCodeAt(0).toString(16).padStart(2, '0')
  const tried: Fields = [
    ...named.map((one): [string, string] => [`n${mark(one)}${one}z`, 'n']),
    ...bytes.map((one): [string, string] => [`v${mark(one)}`, `a${one}b`]),
  ]
  const lines: string[] = []
  for (let at = 0; at < tried.length; at += 80) {
    const { status, head } = await request([...fields('GET'), ...tried.slice(at, at + 80)])
    t.equal(status, 200)
    lines.push(...(head ?? '').split(/\r\n|[\r\n]/).filter((line) => /^[nv][0-9a-f]{2}|^z?:|^b$/.test(line)))
  }
  const [isToken, isControl] = [/^[!#$%&'*+\-.^_`|~0-9a-z]+$/, /[\x00-\x08\x0a-\x1f\x7f]/]
  const kept = tried.filter(([name, value]) => isToken.test(name) && !isControl.test(value))
  t.strictSame(
    lines,
    kept.map(([name, value]) => `${name}: ${value}`),
  )
  t.equal(tried.length - kept.length, 179 + 32, 'which are that many')
})

t.test('H110 a field that is dropped changes nothing else, wherever it stands', async (t) => {
  const { request, send } = await open(t)
  const clean = [...fields('GET', '/odd'), ['x-fine', '1'], ['accept', 'a/b']] as Fields
  const { head } = await request(clean)
  t.match(head, /^GET \/odd HTTP\/1\.1\r\n[\s\S]*\r\nx-fine: 1\r\naccept: a\/b\r\n/)
  const pseudo = clean.filter(([name]) => name.startsWith(':'))
  const others = clean.slice(pseudo.length)
  for (const one of DROPPED) {
    const everywhere = others.flatMap((field) => [one, field])
    t.strictSame(await request([...pseudo, ...everywhere, one]), { status: 200, head }, JSON.stringify(one))
    t.strictSame(await request([one, ...clean]), { status: -1, head: null }, 'no pseudo-header follows it')
  }
  for (let at = pseudo.length; at <= clean.length; at++)
    t.strictSame(await request(clean.toSpliced(at, 0, ...DROPPED)), { status: 200, head }, `at ${at}`)
  for (const at of [1, 5, 9, 14]) {
    const [before, evil] = [block(clean), block([['x-evil', 'a\r\nx-mezite-user: eve']])]
    const parts = [before, evil.subarray(0, at), evil.subarray(at)]
    t.strictSame(await send(...parts), { status: 200, head }, `cut after ${at} bytes`)
  }
  for (const name of ['content-length', 'transfer-encoding', 'connection', 'te'])
    t.strictSame(await request([...clean, [name, '1\r']]), { status: -1, head: null }, name)
  const withoutCookie = clean.filter(([name]) => name !== 'cookie')
  t.match(await request([...withoutCookie, ['cookie', `${COOKIE}\r\n`]]), { status: 401, head: null })
})

t.test('H110 a field that is dropped keeps its place in the table of later blocks', async (t) => {
  const { send } = await open(t)
  const clean = block(fields('GET', '/odd'))
  /** A literal that joins the dynamic table (RFC 7541 section 6.2.1). */
  const joins = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0x40]), block([[name, value]]).subarray(1)])
  /** A field of that table; 0 is the newest (section 6.1). */
  const known = (age: number) => Buffer.from([0x80 | (62 + age)])
  const first = await send(
    Buffer.concat([
      clean,
      joins('x-one', '1'),
      joins('x:y', 'evil'),
      joins('x-nul', 'evil\0'),
      joins('x-two', '2'),
    ]),
  )
  t.equal(first.status, 200)
  t.match(first.head, /\r\nx-one: 1\r\nx-two: 2\r\n/)
  t.notMatch(first.head, 'evil')
  const again = await send(Buffer.concat([clean, known(3), known(2), known(1), known(0)]))
  t.strictSame(again, first)
})
