// together: quick
import fc from 'fast-check'
import t from 'tap'
import { canonicalAddress, createTrustedProxies } from '../../core/traffic/listener/trusted-proxies.ts'
import { readProxyHeader } from '../../core/wire/proxy-protocol.ts'

const V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

t.test('PROXY protocol version 1 is parsed', async (t) => {
  const line = 'PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n'
  const wanted = { kind: 'header', length: line.length, source: { address: '203.0.113.9', port: 4711 } }
  t.strictSame(readProxyHeader(Buffer.from(`${line}rest`)), wanted)
  for (let i = 0; i < line.length; i++) t.equal(readProxyHeader(Buffer.from(line.slice(0, i))).kind, 'more')
  t.match(readProxyHeader(Buffer.from('PROXY UNKNOWN\r\n')), { kind: 'header', source: null })
  for (const bad of [
    'PROXY TCP4 ::1 10.0.0.1 1 2\r\n',
    'PROXY TCP4 1.2.3.4 10.0.0.1 1 99999\r\n',
    'PROXY TCP4 1.2.3.4 10.0.0.1 01 2\r\n',
    'PROXY TCP4  1.2.3.4 10.0.0.1 1 2\r\n',
    'PROXY TCP4 1.2.3.4 10.0.0.1 1 2 3\r\n',
    `PROXY ${'x'.repeat(120)}`,
    'GET / HTTP/1.1\r\n',
  ]) {
    t.equal(readProxyHeader(Buffer.from(bad)).kind, 'invalid', bad)
  }
})

t.test('PROXY protocol version 2 is parsed', async (t) => {
  const v4 = Buffer.concat([V2, Buffer.from([0x21, 0x11, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 1, 187])])
  t.strictSame(readProxyHeader(v4), { kind: 'header', length: 28, source: { address: '1.2.3.4', port: 80 } })
  for (let i = 0; i < v4.length; i++) t.equal(readProxyHeader(v4.subarray(0, i)).kind, 'more')
  const local = Buffer.concat([V2, Buffer.from([0x20, 0, 0, 0])])
  t.strictSame(readProxyHeader(local), { kind: 'header', length: 16, source: null })
  t.equal(readProxyHeader(Buffer.concat([V2, Buffer.from([0x31, 0x11, 0, 12])])).kind, 'invalid')
  t.equal(readProxyHeader(Buffer.concat([V2, Buffer.from([0x21, 0x11, 255, 255])])).kind, 'invalid')
  t.equal(readProxyHeader(Buffer.concat([V2, Buffer.from([0x21, 0x11, 0, 4, 1, 2, 3, 4])])).kind, 'invalid')
  const short = Buffer.concat([V2, Buffer.from([0x21, 0x21, 0, 12]), Buffer.alloc(12)])
  t.equal(readProxyHeader(short).kind, 'invalid', 'IPv6 in the length of IPv4')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => !!readProxyHeader(Buffer.concat([V2, noise]))),
  )
})

t.test('A14 X-Forwarded-For counts only behind trusted proxies, from the right', async (t) => {
  const trusted = createTrustedProxies(['10.0.0.0/8', '::1', '2001:db8::/32'])
  t.ok(trusted.has('10.9.9.9'))
  t.notOk(trusted.has('11.0.0.1'))
  t.equal(trusted.clientOf('198.51.100.1', '1.1.1.1'), '198.51.100.1', 'untrusted peer')
  t.equal(trusted.clientOf('10.0.0.1', '1.1.1.1, 2.2.2.2'), '2.2.2.2')
  t.equal(trusted.clientOf('10.0.0.1', '1.1.1.1, 2.2.2.2, 10.0.0.2'), '2.2.2.2')
  t.equal(trusted.clientOf('10.0.0.1', 'junk, 10.0.0.2'), '10.0.0.2')
  t.equal(trusted.clientOf('10.0.0.1', '1.1.1.1, junk, 10.0.0.2'), '10.0.0.2', 'nothing before it counts')
  t.equal(trusted.clientOf('10.0.0.1', '::ffff:2.2.2.2'), '2.2.2.2')
  t.equal(canonicalAddress('::FFFF:202:202'), '2.2.2.2')
  t.equal(trusted.clientOf('10.0.0.1', undefined), '10.0.0.1')
  t.equal(canonicalAddress('2001:DB8:0:0::1'), '2001:db8::1')
  t.equal(canonicalAddress('fe80::1%eth0'), null)
  for (const bad of ['10.0.0.0/33', 'x', '10.0.0.0/8/8', '', '10.0.0.0/-1']) {
    t.throws(() => createTrustedProxies([bad]), { code: 'MEZ_CONFIG_INVALID' }, bad)
  }
})
