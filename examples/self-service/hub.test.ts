import assert from 'node:assert/strict'
import { test } from 'node:test'
import { denialHelp } from '@mezite/core'
import { conformPlugin, conformRoutes, conformTest, createTestHost, testQuery } from '@mezite/core/testing'
import plugin from './hub.ts'

const config = { role: 'oncall', label: 'env', value: 'test' }
const use = { catalog: {}, grants: {}, publicNames: {} }
conformPlugin(conformTest(test), plugin, { config, use, refused: [{}, { ...config, role: 'Not A Role' }] })
// Starts a hub.
conformRoutes(conformTest(test), plugin, { config, use })

test('it offers the role at applications with the label, to people', () => {
  const [entry] = createTestHost(plugin, { config, use }).slot(denialHelp)
  const helpFor = (env: string, kind: 'session' | 'bot' = 'session') => {
    const { app, subject } = testQuery({ app: { labels: { env } }, subject: { kind } })
    const about = { reason: 'label_mismatch', url: 'https://wiki.example.com/', language: 'en' } as const
    return entry?.helpFor({ app, subject, ...about })
  }
  assert.equal(helpFor('test')?.title, 'Open it for a time')
  assert.equal(helpFor('prod'), null)
  assert.equal(helpFor('test', 'bot'), null)
})
