// together: quick
/** Headers between the local name of an app and its public one: what changes, what stays, and what never passes. */
import t from 'tap'
import { towardsApp, towardsClient } from '../../oclif-cli/msh/header-mapping.ts'

const names = { publicHost: 'wiki.apps.example.com', localHost: '127.0.0.1:4001' }
const up = (...headers: string[]) => towardsApp(headers, names)
const down = (...headers: string[]) => towardsClient(headers, names)

t.test('headers of one connection are not passed on', async (t) => {
  const own = ['Keep-Alive', 'Proxy-Connection', 'Proxy-Authenticate', 'Proxy-Authorization', 'Upgrade']
  for (const name of [...own, 'Transfer-Encoding', 'CONNECTION']) {
    t.strictSame(up(name, 'x', 'A', '1'), ['A', '1'], name)
    t.strictSame(down(name, 'x', 'A', '1'), ['A', '1'], name)
  }
  const named = ['X-One', '1', 'connection', 'close, x-one', 'X-TWO', '2', 'Connection', 'X-Two', 'Kept', '3']
  t.strictSame(up(...named), ['Kept', '3'])
  t.strictSame(down(...named), ['Kept', '3'])
  t.strictSame(up('Expect', '100-continue'), [], 'an answer to it was given here')
})

t.test('a request has the public name, whatever its headers contain', async (t) => {
  const origin = 'https://wiki.apps.example.com'
  t.strictSame(up('HOST', 'x', 'origin', 'x'), ['HOST', names.publicHost, 'origin', origin])
  const referers = {
    'http://127.0.0.1:4001/a?b': `${origin}/a?b`,
    'HTTP://127.0.0.1:4001': origin,
    'http://127.0.0.1:40010/a': 'http://127.0.0.1:40010/a',
    'https://127.0.0.1:4001/a': 'https://127.0.0.1:4001/a',
    'https://elsewhere.example/?http://127.0.0.1:4001/': 'https://elsewhere.example/?http://127.0.0.1:4001/',
  }
  for (const name of ['Referer', 'Destination'])
    for (const [from, to] of Object.entries(referers)) t.strictSame(up(name, from), [name, to])
})

t.test('a response redirects to the local name and makes no promise for it', async (t) => {
  const local = 'http://127.0.0.1:4001'
  const places = {
    'https://wiki.apps.example.com/a?b#c': `${local}/a?b#c`,
    'HTTPS://Wiki.Apps.Example.com?b': `${local}?b`,
    'https://wiki.apps.example.com#c': `${local}#c`,
    '//wiki.apps.example.com': '//127.0.0.1:4001',
    'https://wiki.apps.example.com.evil.example/': 'https://wiki.apps.example.com.evil.example/',
    'https://wiki.apps.example.com@evil.example/': 'https://wiki.apps.example.com@evil.example/',
    'https://wiki.apps.example.com:8443/': 'https://wiki.apps.example.com:8443/',
    'http://wiki.apps.example.com/': 'http://wiki.apps.example.com/',
    '*': '*',
  }
  for (const name of ['Location', 'content-location', 'Access-Control-Allow-Origin'])
    for (const [from, to] of Object.entries(places)) t.strictSame(down(name, from), [name, to])
  t.strictSame(down('Link', '<https://wiki.apps.example.com/2>; rel=next, </0>; rel=prev'), [
    'Link',
    `<${local}/2>; rel=next, </0>; rel=prev`,
  ])
  t.strictSame(down('Refresh', '5; url="https://wiki.apps.example.com/a"'), [
    'Refresh',
    `5; url="${local}/a"`,
  ])
  for (const name of ['Strict-Transport-Security', 'Alt-Svc', 'public-key-pins'])
    t.strictSame(down(name, 'x', 'A', '1'), ['A', '1'], name)
})

t.test('cookies that demand https are kept under another name, for the local host alone', async (t) => {
  const cookies = {
    '__Host-a=1; Path=/; Secure; HttpOnly': 'mezite-host-a=1; Path=/; HttpOnly',
    '__SECURE-a=1;secure;SameSite=none': 'mezite-secure-a=1; SameSite=Lax',
    'a=__Host-1; Domain=apps.example.com; Max-Age=5; domain': 'a=__Host-1; Max-Age=5',
    'a=1; Partitioned; SameSite=Strict; Insecure=1': 'a=1; SameSite=Strict; Insecure=1',
  }
  for (const [from, to] of Object.entries(cookies)) t.strictSame(down('Set-Cookie', from), ['Set-Cookie', to])
  const back = 'mezite-host-a=1;a=mezite-host-b; mezite-SECURE-c=3;  b=2'
  t.strictSame(up('Cookie', back), ['Cookie', '__Host-a=1; a=mezite-host-b; __Secure-c=3; b=2'])
})
