// together: quick
import t from 'tap'
import {
  createDiagnosticsListener,
  healthRoute,
  plainText,
} from '../../../core/base/log/diagnostics-listener.ts'
import { memoryLog } from '../../../core/testing/index.ts'
import { readinessRoute } from '../../../core/web/server/readiness-route.ts'

t.test('a separate listener serves health, readiness and further paths', async (t) => {
  let state: 'starting' | 'ready' | 'draining' = 'starting'
  let stale: string | null = null
  const { log, lines } = memoryLog()
  const routes = [
    healthRoute,
    readinessRoute({ state: () => state, checks: { database: () => null, view: () => stale } }),
    { path: '/extra', respond: async () => plainText(200, 'extra') },
    { path: '/broken', respond: async () => Promise.reject(new Error('out of order')) },
  ]
  const diagnostics = createDiagnosticsListener({ listenAddr: '127.0.0.1:0', routes, log })
  const { port } = await diagnostics.listen()
  t.teardown(diagnostics.close)
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    return { status: response.status, text: await response.text() }
  }
  t.equal((await get('/healthz')).status, 200)
  t.match(await get('/readyz'), { status: 503, text: 'starting\n' })
  state = 'ready'
  t.match(await get('/readyz'), { status: 200, text: 'ready\n' })
  t.match(await get('/readyz?deep'), { status: 200, text: 'database: ok\nview: ok\n' })
  stale = 'view_stale'
  t.equal((await get('/readyz')).status, 200, 'the hub can still tell people what is wrong')
  t.match(await get('/readyz?deep'), { status: 503, text: 'database: ok\nview: view_stale\n' })
  state = 'draining'
  t.match(await get('/readyz'), { status: 503, text: 'draining\n' })
  t.match(await get('/readyz?deep'), { status: 503, text: 'draining\n' })
  t.match(await get('/extra'), { status: 200, text: 'extra\n' })
  t.match(await get('/extra', 'HEAD'), { status: 200, text: '' })
  t.equal((await get('/__proto__')).status, 404)
  t.equal((await get('/extra', 'POST')).status, 405)
  t.equal((await get('/broken')).status, 500)
  t.match(lines.join('\n'), /out of order/)

  const second = createDiagnosticsListener({ listenAddr: `127.0.0.1:${port}`, routes: [], log })
  await t.rejects(second.listen(), { code: 'MEZ_PORT_UNAVAILABLE' })
  await second.close()
  t.throws(
    () => createDiagnosticsListener({ listenAddr: '127.0.0.1:0', routes: [healthRoute, healthRoute], log }),
    { code: 'MEZ_CONFIG_INVALID' },
  )
})
