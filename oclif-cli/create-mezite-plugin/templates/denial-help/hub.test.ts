import assert from 'node:assert/strict'
import { test } from 'node:test'
import { denialHelp } from '@mezite/core'
import { conformPlugin, conformRoutes, conformTest, createTestHost, testQuery } from '@mezite/core/testing'
import plugin from './hub.ts'

const config = { role: 'helper', duration: '1h' }
const use = { grants: {}, pages: {}, publicNames: {} }
conformPlugin(conformTest(test), plugin, { config, use, refused: [{}, { role: 'Not A Role' }] })
// Starts a hub.
conformRoutes(conformTest(test), plugin, { config, use })

test('it offers the role to people who do not have it', () => {
  const [entry] = createTestHost(plugin, { config, use }).slot(denialHelp)
  const { app, subject } = testQuery()
  const helpFor = (roles: readonly string[], kind: 'session' | 'bot' = 'session') =>
    entry?.helpFor({
      ...{ subject: { ...subject, roles, kind }, app, reason: 'label_mismatch' },
      ...{ url: 'https://wiki.example.com/', language: 'en' },
    })
  assert.equal(helpFor(['access'])?.path, '/web/my-plugin')
  assert.equal(helpFor(['helper']), null)
  assert.equal(helpFor([], 'bot'), null)
})
