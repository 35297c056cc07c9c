/** Each condition of a connection, alone: whatever else protects the door, one that fails is enough. */
import t from 'tap'
import { decideConnection } from '../../../plugins/tcp-apps/admission.ts'
import type { Deps } from '../../../plugins/tcp-apps/deps.ts'
import { dialFailure } from '../../../plugins/tcp-apps/dial-failure.ts'

const asked = {
  ...{ sessionId: 's', name: 'echo', protocol: 'tcp' as const },
  ...{ clientIp: '203.0.113.9', requestId: 'r' },
}

/** What the last decision has done. */
const seen = { touched: 0, recorded: [] as object[] }

/** What is decided where all is well but for `wrong`. */
function decide(wrong: object = {}, name = asked.name) {
  const world = {
    ...{ fresh: true, kind: 'cert', alive: true, enabled: true, protocol: 'tcp', accepting: true },
    ...{ effect: 'allow', message: undefined as string | undefined, ...wrong },
  }
  Object.assign(seen, { touched: 0, recorded: [] })
  const app = { name: 'echo', enabled: world.enabled, protocol: world.protocol }
  return decideConnection(
    {
      access: {
        decide: () => ({
          ...{ effect: world.effect, reason: 'role_missing', roles: [], requirements: [] },
          ...(world.message === undefined ? {} : { message: world.message }),
        }),
      },
      audit: { accepting: world.accepting, record: (event: object) => void seen.recorded.push(event) },
      catalog: { byName: () => app },
      revisions: { fresh: () => world.fresh },
      sessions: {
        byId: () => ({ id: 's', kind: world.kind }),
        subjectOf: () => (world.alive ? { user: 'ada', roles: [] } : undefined),
        touch: () => void seen.touched++,
      },
    } as unknown as Deps,
    { ...asked, name },
  )
}

t.test('a connection is made when all is well', async (t) => {
  t.match(await decide(), { kind: 'admitted', subject: { user: 'ada' }, app: { name: 'echo' } })
  t.strictSame(seen, { touched: 1, recorded: [] }, 'the session is in use')
})

t.test('who is refused is recorded, hears why, and has not used the session', async (t) => {
  const refusal = { kind: 'refused', status: 403, reason: 'role_missing' }
  t.strictSame(await decide({ effect: 'deny' }), refusal)
  const event = { type: 'access.denied', success: false, reason: 'role_missing', user: 'ada', sessionId: 's' }
  t.match(seen, { touched: 0, recorded: [{ ...event, requestId: 'r', fields: { app: 'echo' } }] })
  t.equal(seen.recorded.length, 1)
  const message = 'Call the desk.'
  t.strictSame(await decide({ effect: 'deny', message }), { ...refusal, message })
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
  for (const name of ['Echo', 'echo.', '-echo', 'a@echo', 'echo\n', '', 'x'.repeat(64)])
    t.match(await decide({}, name), { status: 404, reason: 'app_unknown' }, JSON.stringify(name))
})

t.test('J131 of what an agent says about a failed dial only a code is passed on', async (t) => {
  const answers: [unknown, number, string][] = [
    [{ code: 'MEZ_DIAL_FAILED', reason: 'connection_refused' }, 502, 'connection_refused'],
    [{ code: 'MEZ_DIAL_TIMEOUT', reason: 'agent_timeout' }, 504, 'agent_timeout'],
    [{ code: 'MEZ_DIAL_FAILED', reason: 'agent_limit' }, 503, 'agent_limit'],
    [{ reason: 'x'.repeat(64) }, 502, 'x'.repeat(64)],
  ]
  for (const reason of ['Evil', 'a\r\nb', '', 'x'.repeat(65), 7, undefined])
    answers.push([{ reason }, 502, 'app_unreachable'])
  for (const error of [new Error('boom'), null, undefined, 'agent_limit'])
    answers.push([error, 502, 'app_unreachable'])
  for (const [error, status, reason] of answers)
    t.strictSame(dialFailure(error), { kind: 'refused', status, reason })
})
