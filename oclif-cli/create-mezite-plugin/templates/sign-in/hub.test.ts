import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { conformPlugin, conformTest, createTestHub } from '@mezite/core/testing'
import plugin from './hub.ts'

const sha256 = createHash('sha256').update('secret').digest('hex')
const config = { people: [{ name: 'alice', sha256, roles: ['access'] }] }
const use = { signInDesk: {}, users: {} }
conformPlugin(conformTest(test), plugin, { config, use, refused: [{}, { people: [{ name: 'alice' }] }] })

test('the right password signs in, and a wrong one does not', async (t) => {
  const hub = await createTestHub({ plugins: [{ plugin, config }] })
  t.after(() => hub.stop())
  const visitor = hub.visitor()
  const as = (password: string) => {
    const credentials = Buffer.from(`alice:${password}`).toString('base64')
    return visitor.open(`${hub.url}/web/login`, { headers: { authorization: `Basic ${credentials}` } })
  }
  const me = async () => (await visitor.fetch(`${hub.url}/v1/webapi/me`)).status
  assert.equal((await as('wrong')).status, 401)
  assert.equal(await me(), 401)
  assert.equal((await as('secret')).status, 200)
  assert.equal(await me(), 200)
})
