// together: quick
import t from 'tap'
import {
  authorityOf,
  detailValue,
  dialHeaders,
  readAlpn,
  readDetail,
  readDialHeaders,
} from '../../core/wire/dial-headers.ts'

const target = {
  app: 'grafana',
  uri: 'https://app.internal:8443/base?é',
  tls: { verify: true, serverName: 'x', ca: 'PEM\nPEM' },
  connectMs: 5_000,
}

t.test('a target arrives as it was sent', async (t) => {
  const headers = dialHeaders(target)
  t.equal(headers?.[':authority'], 'app.internal:8443')
  t.same(readDialHeaders(headers as never), target)
})

t.test('a target of another scheme arrives with its port, for a plugin of the agent', async (t) => {
  for (const [uri, authority] of [
    ['site://Handbook:80', 'handbook:80'],
    ['my-plugin://[::1]:7/', '[::1]:7'],
  ]) {
    const headers = dialHeaders({ ...target, uri: uri! })
    t.equal(headers?.[':authority'], authority)
    t.match(readDialHeaders(headers as never), { uri })
  }
})

t.test('J133 an incomplete or contradictory target is rejected', async (t) => {
  const good = dialHeaders(target) as Record<string, string>
  for (const bad of [
    { ':authority': 'other.internal:8443' },
    { ':authority': 'app.internal:8444' },
    { 'mezite-uri': 'file%3A%2F%2F%2Fetc%2Fpasswd' },
    { 'mezite-uri': 'site%3A%2F%2Fhandbook' },
    { 'mezite-uri': 'site%3A%2F%2Fapp.internal%3A8443%2F..' },
    { 'mezite-uri': '%E0%A4%A' },
    { 'mezite-uri': 'x'.repeat(70_000) },
    { 'mezite-tls': 'bm90IGpzb24' },
    { 'mezite-tls': Buffer.from('null').toString('base64url') },
    { 'mezite-connect-ms': '0' },
    { 'mezite-connect-ms': '1e9' },
    { 'mezite-connect-ms': 'soon' },
    { 'mezite-app': undefined },
  ]) {
    t.equal(readDialHeaders({ ...good, ...bad } as never), null, JSON.stringify(bad).slice(0, 60))
  }
})

t.test('J136 only the value false turns verification off', async (t) => {
  const good = dialHeaders(target) as Record<string, string>
  for (const verify of [undefined, null, 0, '', 'false', true]) {
    const tls = Buffer.from(JSON.stringify({ verify })).toString('base64url')
    t.equal(readDialHeaders({ ...good, 'mezite-tls': tls } as never)?.tls.verify, true, String(verify))
  }
  const off = Buffer.from('{"verify":false}').toString('base64url')
  t.equal(readDialHeaders({ ...good, 'mezite-tls': off } as never)?.tls.verify, false)
})

t.test('J134 addresses have one reading, however they are written', async (t) => {
  t.same(authorityOf('http://0x7f.1'), { host: '127.0.0.1', port: 80, secure: false })
  t.same(authorityOf('tcp://0x7f.1:80'), { host: '127.0.0.1', port: 80, secure: false })
  t.same(authorityOf('https://[::1]'), { host: '[::1]', port: 443, secure: true })
  t.same(authorityOf('tcp://redis:6379'), { host: 'redis', port: 6379, secure: false })
  for (const uri of ['tcp://redis', 'unix:/x', 'ftp://x:1', 'http://', '//x:1', '']) {
    t.equal(authorityOf(uri), null, uri)
  }
})

t.test('offered protocols are read, and an invalid list counts as none', async (t) => {
  const alpn = ['h2', 'http/1.1']
  t.same(readDialHeaders(dialHeaders({ ...target, tls: { ...target.tls, alpn } }) as never)?.tls.alpn, alpn)
  for (const wrong of ['h2', [], [7], ['h2\r\n'], Array.from({ length: 9 }, () => 'h2')]) {
    const tls = Buffer.from(JSON.stringify({ alpn: wrong })).toString('base64url')
    const headers = { ...dialHeaders(target), 'mezite-tls': tls }
    t.equal(readDialHeaders(headers as never)?.tls.alpn, undefined, JSON.stringify(wrong))
  }
  t.strictSame([readAlpn('h2'), readAlpn(undefined), readAlpn('a b')], ['h2', null, null])
})

t.test('details of an agent are printable and short, whatever the agent sends', async (t) => {
  t.equal(readDetail(detailValue('set tls.ca of the app')), 'set tls.ca of the app')
  t.equal(readDetail(detailValue('a\u001b[31m\r\nb é')), 'a?[31m??b ?')
  t.equal(readDetail(detailValue('x'.repeat(9_999)))?.length, 300)
  for (const value of [undefined, '', '%zz', '%20', 7]) t.equal(readDetail(value), null, String(value))
})
