import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformHttpHooks, conformPlugin, conformTest, createTestHost, testQuery } from '@mezite/core/testing'
import plugin from './hub.ts'

const config = { blocked: { wiki: ['/admin'] }, banners: { wiki: 'Test' } }
conformPlugin(conformTest(test), plugin, { config, refused: [{ blocked: { wiki: ['admin'] } }] })
conformHttpHooks(conformTest(test), plugin, { config })

test('it adds a header, refuses a blocked path, and limits requests', () => {
  const { calls } = createTestHost(plugin, { config })
  const refusals: (string | number)[] = []
  const { app, subject } = testQuery({ app: { plugins: { 'http-rules': { per_minute: 1 } } } })
  const context = {
    app,
    subject,
    refuse: (one: string | { status: number }) =>
      void refusals.push(typeof one === 'string' ? one : one.status),
  } as never
  const at = (path: string) =>
    calls.http.request({ path, headers: ['Accept-Encoding', 'br'] } as never, context)
  assert.deepEqual(at('/').headers, ['X-Checked-By', 'http-rules'])
  assert.equal(refusals.length, 0)
  at('//Admin/users')
  assert.deepEqual(refusals, ['path_blocked', 429])
})
