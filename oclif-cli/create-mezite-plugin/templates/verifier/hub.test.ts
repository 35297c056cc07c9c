import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { verifiers } from '@mezite/core'
import { conformPlugin, conformTest, conformVerifier, createTestHost, testQuery } from '@mezite/core/testing'
import plugin from './hub.ts'

const sha256 = createHash('sha256').update('a key').digest('hex')
const config = { apps: ['wiki'], path: '/health', sha256 }

conformPlugin(conformTest(test), plugin, { config, refused: [{}, { ...config, sha256: 'short' }] })
conformVerifier(conformTest(test), async () => {
  const host = createTestHost(plugin, { config })
  const request = {
    ...{ app: testQuery({ app: { name: 'wiki' } }).app, method: 'GET', target: '/health' },
    ...{ clientIp: '203.0.113.7', headers: ['Host', 'wiki.example.com', 'x-my-plugin-key', 'a key'] },
    preflightFrom: null,
  }
  return {
    verifier: host.slot(verifiers)[0]!,
    sent: { request, body: Buffer.alloc(0) },
    proofs: ['x-my-plugin-key'],
    close: host.stop,
  }
})
