// together: quick
/** Who reads a request, and from where somebody decides about one. */
import type { Actor, Subject, User } from '@mezite/core'
import t from 'tap'
import { mayRead } from '../../../plugins/access-requests/page-routes.ts'
import type { AccessRequest } from '../../../plugins/access-requests/request.ts'
import { createReviewers } from '../../../plugins/access-requests/reviewers.ts'

const user = (name: string): User => ({
  key: name,
  name,
  ownRoles: [],
  mappedRoles: [],
  identity: null,
  holder: null,
  connector: null,
  created: 0,
  lastLogin: null,
})
const known = new Map(['anna', 'lead', 'eve'].map((name) => [name, user(name)]))
const subject = (
  name: string,
  kind: Subject['kind'] = 'session',
  roles: readonly string[] = [],
): Subject => ({
  user: name,
  roles,
  kind,
  sessionId: null,
  satisfied: [],
})
const request: AccessRequest = {
  id: 'r1',
  user_name: 'anna',
  user_key: 'anna',
  holder: null,
  role: 'oncall',
  via: 'dev',
  app: null,
  app_name: null,
  reason: 'TICKET-7',
  duration: 3_600_000,
  approvals: 1,
  break_glass: false,
  path: null,
  created: 0,
  expires: 2_000,
  stored: 'pending',
  closed: null,
  grant_id: null,
  until: null,
  used: null,
  language: 'en',
  asked_by: null,
  reviews: [],
}
const people = {
  rolesOf: (name: string) => (name === 'lead' ? ['lead'] : []),
  isOf: ({ user_key }: Pick<AccessRequest, 'user_key'>, account: Pick<User, 'key'>) =>
    user_key === account.key,
  same: ({ user_key }: Pick<AccessRequest, 'user_key'>, account: User) => user_key === account.key,
  hasAsked: ({ user_key }: Pick<AccessRequest, 'user_key'>, account: User) => user_key === account.key,
}
const users = { byName: (name: string) => known.get(name) }
const reviewers = createReviewers({
  rules: { reviewer: (roles: readonly string[]) => (roles.includes('lead') ? { passkey: false } : null) },
  people,
  users,
  catalog: { byId: () => undefined },
  clock: { now: () => 1_000 },
  requireConfirmation: () => 0,
} as unknown as Parameters<typeof createReviewers>[0])

t.test(
  'a request is read by who asked, by those who decide about it and by administrators alone',
  async (t) => {
    const deps = { users, people, desk: reviewers } as unknown as Parameters<typeof mayRead>[0]
    const readers = [
      subject('anna'),
      subject('lead'),
      subject('eve', 'session', ['admin']),
      subject('operator@socket', 'operator', ['admin']),
    ]
    for (const one of readers) t.ok(mayRead(deps, one, request), one.user)
    for (const one of [
      subject('eve'),
      subject('gone'),
      subject('bot:ci', 'bot'),
      subject('token:ci', 'token'),
    ])
      t.notOk(mayRead(deps, one, request), one.user)
  },
)

t.test('a request is decided in a session of the hub, never by a login of msh or a token', async (t) => {
  const decide = (name: string, kind: Subject['kind']) =>
    reviewers.requireReviewer(request, known.get(name)!, { subject: subject(name, kind) } as Actor)
  t.equal(decide('lead', 'session'), null)
  for (const kind of ['certificate', 'token', 'bot'] as const)
    t.throws(() => decide('lead', kind), { status: 404 } as never, kind)
  t.throws(() => decide('eve', 'session'), { status: 404 } as never)
  t.throws(() => decide('anna', 'session'), 'one’s own')
})
