import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { verifiers } from '@mezite/core'
import { conformPlugin, conformTest, conformVerifier, createTestHost, testQuery } from '@mezite/core/testing'
import plugin from './hub.ts'

process.env.HOOK_SECRET = 'a secret'
const hook = { path: '/hook', secret: { env: 'HOOK_SECRET' } }
const config = { hooks: { wiki: hook } }

conformPlugin(conformTest(test), plugin, { config, refused: [{}, { hooks: { wiki: { path: '/hook' } } }] })
conformVerifier(conformTest(test), async () => {
  const host = createTestHost(plugin, { config })
  const body = Buffer.from('{"action":"opened"}')
  const signature = `sha256=${createHmac('sha256', 'a secret').update(body).digest('hex')}`
  const request = {
    ...{ app: testQuery({ app: { name: 'wiki' } }).app, method: 'POST', target: '/hook' },
    ...{ clientIp: '203.0.113.7', headers: ['Host', 'wiki.example.com', 'x-hub-signature-256', signature] },
    preflightFrom: null,
  }
  return {
    verifier: host.slot(verifiers)[0]!,
    ...{ sent: { request, body }, proofs: ['x-hub-signature-256'], close: host.stop },
  }
})
