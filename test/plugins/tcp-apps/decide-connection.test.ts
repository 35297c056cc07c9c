/** Each condition of a connection, alone: whatever else protects the door, one that fails is enough. */
import t from 'tap'
import { decideConnection } from '../../../plugins/tcp-apps/decide-connection.ts'
import type { Parts } from '../../../plugins/tcp-apps/parts.ts'

const asked = {
  ...{ sessionId: 's', name: 'echo', protocol: 'tcp' as const },
  ...{ clientIp: '203.0.113.9', requestId: 'r' },
}

/** What is decided where all is well but for `wrong`. */
function decide(wrong: object = {}) {
  const world = {
    ...{ fresh: true, kind: 'cert', alive: true, enabled: true, protocol: 'tcp', accepting: true },
    ...{ effect: 'allow', ...wrong },
  }
  const app = { name: 'echo', enabled: world.enabled, protocol: world.protocol }
  return decideConnection(
    {
      access: {
        decide: () => ({ effect: world.effect, reason: 'role_missing', roles: [], requirements: [] }),
      },
      audit: { accepting: world.accepting, record() {} },
      catalog: { byName: () => app },
      changes: { fresh: () => world.fresh },
      sessions: {
        byId: () => ({ id: 's', kind: world.kind }),
        subjectOf: () => (world.alive ? { user: 'ada', roles: [] } : undefined),
        touch() {},
      },
    } as unknown as Parts,
    asked,
  )
}

t.test('a connection is made when all is well', async (t) => {
  t.match(await decide(), { kind: 'admitted', subject: { user: 'ada' }, app: { name: 'echo' } })
})

t.test('each thing that is wrong refuses it', async (t) => {
  const wrongs = {
    '503 view_stale': { fresh: false },
    '401 session_ended': { alive: false },
    '403 role_missing': { effect: 'require' },
    '503 app_disabled': { enabled: false },
    '400 protocol_mismatch': { protocol: 'http' },
    '503 audit_unavailable': { accepting: false },
  }
  for (const [said, wrong] of Object.entries(wrongs)) {
    const [status, reason] = said.split(' ')
    t.match(await decide(wrong), { kind: 'refused', status: Number(status), reason }, said)
  }
  for (const kind of ['hub', 'app']) t.match(await decide({ kind }), { reason: 'session_ended' }, kind)
})
