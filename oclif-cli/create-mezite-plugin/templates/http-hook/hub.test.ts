import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformHttpHooks, conformPlugin, conformTest, createTestHost } from '@mezite/core/testing'
import plugin from './hub.ts'

const config = { blocked: ['/admin'] }
conformPlugin(conformTest(test), plugin, { config, refused: [{ blocked: ['admin'] }] })
conformHttpHooks(conformTest(test), plugin, { config })

test('it adds a header, and refuses a blocked path', () => {
  const { calls } = createTestHost(plugin, { config })
  const refusals: string[] = []
  const context = { refuse: (reason: string) => void refusals.push(reason) } as never
  const at = (path: string) => calls.http.request({ path, headers: [] } as never, context)
  assert.deepEqual(at('/').headers, ['X-Checked-By', 'my-plugin'])
  assert.deepEqual(refusals, [])
  at('/admin/users')
  assert.deepEqual(refusals, ['path_blocked'])
})
