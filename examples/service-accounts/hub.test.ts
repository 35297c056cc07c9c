import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { credentials } from '@mezite/core'
import { conformCredential, conformPlugin, conformTest, createTestHost } from '@mezite/core/testing'
import plugin from './hub.ts'

const account = {
  key_sha256: createHash('sha256').update('a key').digest('hex'),
  ...{ roles: ['deploy'], apps: ['registry'] },
}
const config = { accounts: { ci: account } }

function openHost() {
  const opened: { id: string; user: string; apps: readonly string[] }[] = []
  const sessions = {
    async open({ user, apps }: { user: string; apps: readonly string[] }) {
      const session = { id: `session-${opened.length + 1}`, user, apps }
      opened.push(session)
      return { session, token: 'secret' }
    },
    byId: (id: string) => opened.find((one) => one.id === id),
    end: async (ids: readonly string[]) => ids.length,
  }
  const catalog = { byName: (name: string) => ({ id: `id of ${name}` }) }
  const host = createTestHost(plugin, { config, use: { catalog, sessions } })
  const [credential] = host.slot(credentials)
  if (credential?.from !== 'header') throw new Error('it is not in a header')
  const read = (key: string) => credential.read(key, { clientIp: '203.0.113.7' } as never)
  return { opened, credential, read, close: host.stop }
}

conformPlugin(conformTest(test), plugin, {
  ...{ config, use: { catalog: {}, sessions: {} } },
  refused: [{}, { accounts: { ci: { ...account, key_sha256: 'short' } } }],
})
conformCredential(conformTest(test), async () => ({
  ...openHost(),
  ...{ valid: 'a key', invalid: ['another key', 'x'] },
}))

test('a key stands for one session of its account, at its applications alone', async () => {
  const { opened, read, close } = openHost()
  const callers = [...(await Promise.all([read('a key'), read('a key')])), await read('a key')]
  assert.deepEqual(callers, Array(3).fill({ kind: 'token', sessionId: 'session-1' }))
  assert.deepEqual(opened, [{ id: 'session-1', user: 'bot:ci', apps: ['id of registry'] }])
  await close()
})

test('other accounts do not exist', () => {
  assert.equal(openHost().credential.bots?.find('bot:other'), undefined)
})
