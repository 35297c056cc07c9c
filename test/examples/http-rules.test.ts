// together: quick
import { conformPlugin, createTestHost } from '@mezite/core/testing'
import t from 'tap'
import httpRules from '../../examples/http-rules/hub.ts'
import { openByteApp } from '../plugins/http-apps/byte-app.ts'
import { appAt, ask, openGateway, raw } from '../plugins/http-apps/gateway.ts'

const config = { blocked: { a: ['/admin', '/metrics/'] } }

t.test('it keeps the rules of plugins', async (t) => {
  conformPlugin(t, httpRules, {
    config,
    refused: [{ blocked: { a: ['admin'] } }, { blocked: { a: '/x' } }],
  })
})

t.test('a blocked path reaches no app in any spelling, and headers change in both directions', async (t) => {
  const app = await openByteApp(
    () => 'HTTP/1.1 200 OK\r\nServer: old\r\nX-Powered-By: older\r\nContent-Length: 2\r\n\r\nok',
  )
  const gateway = await openGateway(appAt(app.port))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  const host = createTestHost(httpRules, { config })
  gateway.tap.request((request, context) => host.calls.http.request(request, context))
  gateway.tap.response((response, context) => host.calls.http.response(response, context))
  const spellings = [
    '/admin',
    '/admin/',
    '/admin/users?x',
    '/ADMIN',
    '/%61dmin',
    '//admin',
    '/x/../admin',
    '/./admin',
  ]
  for (const path of spellings) {
    const response = await raw(gateway, ask(`GET ${path}`))
    t.match(response, /^HTTP\/1.1 403 [\s\S]*path_blocked/, path)
  }
  t.match(gateway.records.at(-1), { type: 'access.denied', reason: 'path_blocked', user: 'ann' })
  t.equal(app.requests.length, 0)
  const response = await raw(gateway, ask('GET /administrators'))
  t.match(response, /^HTTP\/1.1 200 [\s\S]*X-Frame-Options: DENY/)
  t.notMatch(response, /Server|X-Powered-By/)
  t.match(app.requests[0], /\r\nX-Checked-By: http-rules\r\n/)
})
