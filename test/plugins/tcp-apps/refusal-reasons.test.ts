// together: quick
/** What a client of msh reads about a stream that does not reach its app. */
import type { Refusal } from '@mezite/core/protocol'
import t from 'tap'
import { dialFailure, refusalOf } from '../../../plugins/tcp-apps/stream-refusal.ts'

t.test(
  'a refusal of the gate keeps its status and code, and the words of the lock or the policy',
  async (t) => {
    const refusal = { status: 403, code: 'locked', message: null, link: null } as unknown as Refusal
    t.strictSame(refusalOf(refusal), { status: 403, reason: 'locked' })
    const link = 'https://wiki.example.com/hours'
    t.strictSame(refusalOf({ ...refusal, message: 'Call the desk.', link }), {
      status: 403,
      reason: 'locked',
      message: `Call the desk. ${link}`,
    })
  },
)

t.test('J131 only the code of an agent’s failed dial is passed on', async (t) => {
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
    t.strictSame(dialFailure(error), { status, reason, agent: null })
  t.match(dialFailure({ reason: 'tls_failed', agent: 'node-1' }), { agent: 'node-1' }, 'for the record')
})
