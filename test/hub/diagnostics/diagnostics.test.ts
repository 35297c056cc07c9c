import t from 'tap'
import { createDiagnostics } from '../../../core/hub/diagnostics/diagnostics.ts'
import { createMetrics } from '../../../core/hub/diagnostics/metrics.ts'

t.test('health, readiness and metrics on a listener of their own', async (t) => {
  let reason: string | null = 'starting'
  const metrics = createMetrics()
  const diagnostics = createDiagnostics({ listenAddr: '127.0.0.1:0', notReady: () => reason, metrics })
  const { port } = await diagnostics.listen()
  t.teardown(diagnostics.close)
  const get = async (path: string, method = 'GET') => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    return { status: answer.status, text: await answer.text() }
  }
  t.equal((await get('/healthz')).status, 200)
  t.match(await get('/readyz'), { status: 503, text: 'starting\n' })
  reason = null
  t.equal((await get('/readyz')).status, 200)
  t.match((await get('/metrics')).text, /process_cpu_user_seconds_total/)
  t.equal((await get('/__proto__')).status, 404)
  t.equal((await get('/metrics', 'POST')).status, 405)
  const second = createDiagnostics({ listenAddr: `127.0.0.1:${port}`, notReady: () => null, metrics })
  await t.rejects(second.listen(), { code: 'MEZ_PORT_UNAVAILABLE' })
  await second.close()
})
