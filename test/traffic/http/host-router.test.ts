// together: quick
/** Where a request goes by its head and the connection that brought it. */
import type { ConnectionInfo } from '@mezite/core/protocol'
import t from 'tap'
import { defaultLimits } from '../../../core/base/limits/limits.ts'
import { createHostRouter } from '../../../core/traffic/http/host-router.ts'
import { names } from '../../web/server/start-web.ts'

const HUB = 'hub.mezite.localhost'
const APP = 'a.apps.mezite.localhost'
const OTHER_APP = 'b.apps.mezite.localhost'

const router = createHostRouter({ ...names, portSuffix: ':8443' }, defaultLimits)
const from = (serverName: string | null, more: Partial<ConnectionInfo> = {}): ConnectionInfo => ({
  clientIp: '192.0.2.1',
  clientPort: 1,
  trustedProxy: false,
  serverName,
  ...more,
})

/** `web`, `app`, or the code of the refusal; with `!` when the refusal is a denial, with `~` when it is only counted. */
function route(
  rawHeaders: readonly string[],
  info = from(null),
  url = '/',
  method = 'GET',
  major = 1,
): string {
  const head = { method, url, rawHeaders, httpVersionMajor: major, httpVersionMinor: 1 }
  const found = router.route(head, info)
  return found.kind === 'refused'
    ? `${found.problem.code}${{ 'access.denied': '!', 'request.failed': '', counted: '~' }[found.record ?? 'counted']}`
    : found.kind
}
const to = (host: string, info?: ConnectionInfo, ...more: string[]) => route(['Host', host, ...more], info)

t.test('E73 E74 the name in the handshake, the host and the connection decide together', async (t) => {
  for (const [host, info, wanted] of [
    [HUB, from(HUB), 'web'],
    [HUB, from(null), 'web'],
    [`${HUB}:9000`, from(HUB), 'web'],
    [APP, from(APP), 'app'],
    [`${APP}:8443`, from(APP), 'app'],
    [APP.toUpperCase(), from(null), 'app'],
    [APP, from(HUB, { trustedProxy: true }), 'app'],
    [HUB, from('lb.internal', { trustedProxy: true }), 'web'],
    [APP, from(null, { certified: { sessionId: 's', appId: 'a' } }), 'app'],
    [HUB, from(null, { certified: { sessionId: 's', appId: 'a' } }), 'misdirected_request'],
    // Browsers do that by themselves on a connection for another name of the certificate.
    [OTHER_APP, from(APP), 'misdirected_request~'],
    [APP, from(HUB), 'misdirected_request~'],
    [HUB, from(APP), 'misdirected_request~'],
    ['evil.test', from(APP), 'misdirected_request!'],
    [APP, from('evil.test'), 'misdirected_request!'],
    [`${APP}:81`, from(null), 'misdirected_request!'],
    [`${APP}:81`, from(APP), 'misdirected_request!'],
    ['evil.test', from(HUB), 'misdirected_request'],
    ['127.0.0.1', from(null), 'misdirected_request'],
    ['apps.mezite.localhost', from(null), 'misdirected_request'],
    [`x${HUB}`, from(null), 'misdirected_request'],
  ] as const)
    t.equal(to(host, info), wanted, `${host} over ${JSON.stringify(info)}`)
})

t.test('E73 a request has exactly one Host line, in any case, first or last', async (t) => {
  t.equal(route(['Accept', '*/*', 'hOsT', HUB, 'X-Forwarded-Host', 'b.test']), 'web')
  for (const lines of [
    [],
    ['Accept', '*/*'],
    ['X-Host', HUB],
    ['Host', HUB, 'Host', 'b.test'],
    ['Host', HUB, 'HOST', HUB],
    ['host', '', 'host', HUB],
    ['Host', ''],
    ['Host'],
  ])
    t.equal(route(lines), 'host_invalid', lines.join(' '))
  t.equal(route(['Host', APP, 'Host', APP]), 'host_invalid!', 'which is a denial where an app is meant')
  t.equal(route([], from(APP)), 'host_invalid!')
})

t.test('F81 F84 version, framing, method and target are checked', async (t) => {
  t.equal(route(['Host', HUB], from(null), '/', 'GET', 3), 'version_unsupported')
  t.equal(route(['Host', HUB], from(null), '/', 'GET', 2), 'version_unsupported', 'in the words of HTTP/1.1')
  t.equal(to(HUB, from(null), 'Content-Length', '3', 'Content-Length', '3'), 'framing_invalid')
  t.equal(
    to(HUB, from(null), 'Transfer-Encoding', 'chunked', 'transfer-encoding', 'chunked'),
    'framing_invalid',
  )
  t.equal(to(HUB, from(null), 'Expect', 'a cake'), 'expectation_failed')
  t.equal(route(['Host', HUB], from(null), '*', 'OPTIONS'), 'method_not_allowed')
  t.equal(route(['Host', APP], from(null), '/', 'TRACE'), 'method_not_allowed!')
  t.equal(route(['Host', HUB], from(null), '/', 'TRACE'), 'web', 'which names the methods that there are')
  for (const url of ['/', '/a?b', '/%C3%A9', `https://${HUB}`, `https://${HUB}/a`, `HTTPS://${HUB}?a`])
    t.equal(route(['Host', HUB], from(null), url), 'web', url)
  for (const url of [
    ...['*', '', 'a', '/a#b', '/a b', '/\xe9', '/\u0100', '/\x7f', '/a\0', `http://${HUB}/`, `ftp://${HUB}/`],
    ...['https:///', 'https://evil.test/', `https://x@${HUB}/`, `https://${HUB}:1/`, `https://${HUB}/\xe9`],
  ])
    t.equal(route(['Host', HUB], from(null), url), 'target_invalid', JSON.stringify(url))
})

t.test('F92 the limits of a head are equal for every host', async (t) => {
  for (const host of [HUB, APP]) {
    const mark = host === APP ? '!' : ''
    const lines = Array.from({ length: 100 }, (_, at) => [`x-${at}`, '1']).flat()
    t.equal(to(host, from(null), ...lines), `headers_too_many${mark}`)
    t.equal(to(host, from(null), 'Cookie', 'x'.repeat(32_768)), `headers_too_large${mark}`)
    t.equal(route(['Host', host], from(null), `/${'a'.repeat(16_384)}`), `target_too_long${mark}`)
  }
})

t.test('an app’s protocol gets the host, target and framing', async (t) => {
  const head = {
    method: 'POST',
    url: `https://${APP}/a?b`,
    rawHeaders: ['Host', APP, 'Content-Length', '3', 'Expect', '100-continue'],
    httpVersionMajor: 1,
    httpVersionMinor: 1,
  }
  t.match(router.route(head, from(APP)), {
    kind: 'app',
    head,
    host: { host: APP, port: null },
    target: '/a?b',
    length: 3,
    expectsContinue: true,
  })
  const open = { ...head, url: '/', rawHeaders: ['Host', APP] }
  t.match(
    router.route({ ...open, httpVersionMajor: 2 }, from(APP), true),
    { length: null },
    'over HTTP/2 a body needs no length',
  )
  t.match(router.route(open, from(APP)), { length: undefined })
})

t.test('a plain request gets the https address of its host', async (t) => {
  t.equal(router.originOf(`${APP}:80`), `https://${APP}:8443`)
  for (const host of ['evil.test', 'a b', '']) t.equal(router.originOf(host), names.hubOrigin)
})
