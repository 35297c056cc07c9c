import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { appSources } from '@mezite/core'
import { conformAppSource, conformPlugin, conformTest, createTestHost } from '@mezite/core/testing'
import plugin from './agent.ts'

conformPlugin(conformTest(test), plugin, {
  config: { folder: '/none' },
  refused: [{}, { folder: 'relative' }],
})
conformAppSource(conformTest(test), async () => {
  const folder = mkdtempSync(join(tmpdir(), 'app-folder-'))
  const write = (name: string, text = 'uri: http://127.0.0.1:3000') =>
    writeFileSync(join(folder, `${name}.yaml`), text)
  write('wiki')
  write('shop')
  write('broken', 'uri: [')
  const host = createTestHost<'agent'>(plugin, { config: { folder, interval: '100ms' } })
  return {
    source: host.slot(appSources)[0]!,
    expected: ['shop', 'wiki'],
    async change() {
      write('mail')
      rmSync(join(folder, 'shop.yaml'))
      return ['mail', 'wiki']
    },
    async close() {
      await host.stop()
      rmSync(folder, { recursive: true })
    },
  }
})
