import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { credentials } from '@mezite/core'
import { conformPlugin, conformTest, createTestHost } from '@mezite/core/testing'
import plugin from './hub.ts'

const sha256 = createHash('sha256').update('a key').digest('hex')
const config = { programs: [{ name: 'ci', sha256, roles: ['deploy'], apps: ['registry'] }] }

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
  const [entry] = host.slot(credentials)
  if (entry?.from !== 'header') throw new Error('it is not in a header')
  const read = (key: string) => entry.read(key, { clientIp: '203.0.113.7' } as never)
  return { opened, entry, read, stop: host.stop }
}

conformPlugin(conformTest(test), plugin, {
  ...{ config, use: { catalog: {}, sessions: {} } },
  refused: [{}, { programs: [{ name: 'ci', sha256: 'short', roles: [], apps: [] }] }],
})

test('a key stands for one session of its account, at its applications alone', async () => {
  const { opened, read, stop } = openHost()
  const callers = [...(await Promise.all([read('a key'), read('a key')])), await read('a key')]
  assert.deepEqual(callers, Array(3).fill({ kind: 'token', sessionId: 'session-1' }))
  assert.deepEqual(opened, [{ id: 'session-1', user: 'bot:ci', apps: ['id of registry'] }])
  await stop()
})

test('another key is refused, and other accounts do not exist', async () => {
  const { entry, opened, read } = openHost()
  assert.deepEqual(await read('another key'), { kind: 'refused', status: 401, code: 'key_unknown' })
  assert.equal(opened.length, 0)
  assert.equal(entry.bots?.find('bot:other'), undefined)
})
