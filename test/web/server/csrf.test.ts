// together: quick
import t from 'tap'
import { checkCsrf, csrfToken } from '../../../core/web/server/csrf.ts'
import { readCookie } from '../../../core/wire/cookie.ts'

const own = 'https://hub.test'
const API = '/v1/webapi/things'
const token = { 'x-mezite-csrf': csrfToken('c') }
const check = (method: string, headers: object, cookie?: string, path = API) =>
  checkCsrf({ method, path, headers: headers as never, ownOrigin: own, cookie })
const refused = { status: 403, code: 'csrf' }

t.test('a request that only reads needs no Origin', (t) => {
  for (const method of ['GET', 'HEAD', 'OPTIONS'])
    check(method, { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }, 'c')
  t.end()
})

t.test('K142 a change with the hub’s cookie needs its exact Origin and the token', (t) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    check(method, { ...token, origin: own }, 'c')
    t.throws(() => check(method, token, 'c'), refused, `${method} without Origin`)
    for (const origin of ['null', `${own}.`, `${own}:8443`, 'http://hub.test', 'https://a.hub.test'])
      t.throws(() => check(method, { ...token, origin }, 'c'), refused, `${method} ${origin}`)
    for (const sent of [undefined, '', csrfToken('other'), csrfToken('c').slice(1)])
      t.throws(() => check(method, { origin: own, 'x-mezite-csrf': sent }, 'c'), refused, `${method} ${sent}`)
  }
  check('POST', { origin: own }, 'c', '/web/logout')
  t.end()
})

t.test('a change without the hub’s cookie may lack an Origin, but must not name another', (t) => {
  check('POST', {})
  check('POST', { origin: own })
  t.throws(() => check('POST', { origin: 'https://evil.test' }), refused)
  t.end()
})

t.test('Sec-Fetch-Site counts beside the Origin', (t) => {
  for (const site of ['same-origin', 'none']) check('POST', { origin: own, 'sec-fetch-site': site })
  for (const site of ['same-site', 'cross-site', 'odd'])
    for (const headers of [{}, { origin: own }])
      t.throws(() => check('POST', { ...headers, 'sec-fetch-site': site }), refused, site)
  t.end()
})

t.test('B21 a cookie is the hub’s by its exact name, and the first one counts', (t) => {
  const read = (header: string | undefined) => readCookie(header, '__Host-s')
  for (const header of ['__Host-s=v', 'a=b;__Host-s=v', 'a; \t__Host-s\t= v \t;x', '__Host-s=v; __Host-s=w'])
    t.equal(read(header), 'v', header)
  for (const header of [
    ...[undefined, '', '__Host-s', '__Host-sx', '__host-s=v', '__Host-s2=v', 'x__Host-s=v', '=__Host-s=v'],
    ...['\u00a0__Host-s=v', '__Host-s\u3000=v', '\u000b__Host-s=v', '$Version=1,__Host-s=v'],
  ])
    t.equal(read(header), undefined, JSON.stringify(header))
  t.end()
})

t.test('a cookie with characters that the hub never sets is ignored', (t) => {
  for (const value of ['', '"v"', 'a b', 'a%41', 'a,b', 'é', 'v'.repeat(4_097)])
    t.equal(readCookie(`s=${value}; s=good`, 's'), undefined, value.slice(0, 10))
  t.equal(readCookie(`s=${'v'.repeat(4_096)}`, 's')?.length, 4_096)
  t.end()
})
