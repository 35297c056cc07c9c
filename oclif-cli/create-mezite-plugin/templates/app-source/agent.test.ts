import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { appSources } from '@mezite/core'
import { conformAppSource, conformPlugin, conformTest, createTestHost } from '@mezite/core/testing'
import plugin from './agent.ts'

conformPlugin(conformTest(test), plugin, { config: { file: '/none' }, refused: [{}, { file: 'relative' }] })
conformAppSource(conformTest(test), async () => {
  const folder = mkdtempSync(join(tmpdir(), 'my-plugin-'))
  const file = join(folder, 'apps.json')
  const write = (...names: string[]) =>
    writeFileSync(file, JSON.stringify(names.map((name) => ({ name, uri: 'http://127.0.0.1:3000' }))))
  write('wiki', 'shop')
  const host = createTestHost<'agent'>(plugin, { config: { file, interval: '100ms' } })
  return {
    source: host.slot(appSources)[0]!,
    expected: ['shop', 'wiki'],
    async change() {
      write('wiki', 'mail')
      return ['mail', 'wiki']
    },
    async close() {
      await host.stop()
      rmSync(folder, { recursive: true })
    },
  }
})
