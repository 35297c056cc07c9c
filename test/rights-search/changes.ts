/** Changes that somebody with some rights may try, each with choices that are as bold as a thief's. */
import type { Draw } from './draw.ts'
import {
  ASKED_FOR,
  appDocument,
  botDocument,
  NEWCOMERS,
  PEOPLE,
  ROLES,
  roleDocument,
  roleNames,
  sourceDocument,
  THINGS,
} from './drawn-documents.ts'

/** A call of the API. In its path, `{7}` stands for the id that the response to step 7 of the same search had. */
export interface Step {
  /** What it tries, such as `role.save`. */
  readonly kind: string
  /** The person whose session, or the step whose API token, makes the call. */
  readonly by: string
  readonly method: string
  readonly path: string
  readonly body?: object
}

/** What a chooser knows: the steps made so far whose things may still be there, by the kind of the step. */
export type Made = ReadonlyMap<string, readonly number[]>

type Choose = (draw: Draw, made: Made) => Omit<Step, 'kind' | 'by'> | null

/** The id of something that a step of one of these kinds has made; null: there was none. */
const idOf = (draw: Draw, made: Made, kind: string): string | null => {
  const steps = made.get(kind) ?? []
  return steps.length === 0 ? null : `{${draw.one(steps)}}`
}
const ofMade =
  (kind: string, method: string, path: (id: string) => string, body?: object): Choose =>
  (draw, made) => {
    const id = idOf(draw, made, kind)
    return id === null ? null : { method, path: path(id), ...(body && { body }) }
  }
const person = (draw: Draw) => (draw.chance(0.85) ? draw.one(PEOPLE) : draw.one(NEWCOMERS))
const to = (method: string, path: string, body?: object) => ({ method, path, ...(body && { body }) })

/** Each kind of change: how often it is chosen beside the others, the right of its route, and its call. */
export const CHANGES: Readonly<
  Record<string, { readonly often: number; readonly right?: string; readonly choose: Choose }>
> = {
  'user.roles': {
    often: 8,
    right: 'user.update',
    choose: (d) => to('PATCH', `/users/${person(d)}`, { roles: roleNames(d, 0, 3) }),
  },
  'user.make': {
    often: 3,
    right: 'user.create',
    choose: (d) => to('POST', '/users', { name: d.one(NEWCOMERS), roles: roleNames(d, 0, 2) }),
  },
  'user.remove': { often: 1, right: 'user.delete', choose: (d) => to('DELETE', `/users/${person(d)}`) },
  'user.relink': {
    often: 1,
    right: 'user.update',
    choose: (d) => to('POST', `/users/${person(d)}/relink`, {}),
  },
  'user.forget-mapped': {
    often: 1,
    right: 'user.update',
    choose: (d) => to('DELETE', `/users/${person(d)}/mapped-roles`),
  },
  'role.save': {
    often: 10,
    right: 'role.update',
    choose: (d) => {
      const name = d.one([...ROLES, 'r5'])
      return to('PUT', `/roles/${name}`, roleDocument(d, name, d.chance(0.2)))
    },
  },
  'role.remove': {
    often: 2,
    right: 'role.delete',
    choose: (d) => to('DELETE', `/roles/${d.one([...ROLES, 'r5', 'auditor'])}`),
  },
  'app.save': {
    often: 6,
    right: 'app.update',
    choose: (d) => {
      const name = d.one([...THINGS, 'three'])
      return to('PUT', `/apps/${name}`, appDocument(d, name))
    },
  },
  'app.make': {
    often: 3,
    right: 'app.create',
    choose: (d) => to('POST', '/apps', appDocument(d, d.one([...THINGS, 'three']))),
  },
  'app.remove': {
    often: 2,
    right: 'app.delete',
    choose: (d) => to('DELETE', `/apps/${d.one([...THINGS, 'three'])}`),
  },
  'app.switch': {
    often: 1,
    right: 'app.enable',
    choose: (d) => to('POST', `/apps/${d.one(THINGS)}/${d.one(['enable', 'disable'])}`, {}),
  },
  'source.save': {
    often: 2,
    right: 'app_source.update',
    choose: (d) => {
      const name = d.one(THINGS)
      return to('PUT', `/app-sources/${name}`, sourceDocument(d, name))
    },
  },
  'bot.save': {
    often: 5,
    right: 'bot.update',
    choose: (d) => {
      const name = d.one([...THINGS, 'three'])
      return to('PUT', `/bots/${name}`, botDocument(d, name))
    },
  },
  'bot.secret': {
    often: 3,
    right: 'bot.update',
    choose: (d) => to('POST', `/bots/${d.one([...THINGS, 'three'])}/secret`, {}),
  },
  'bot.remove': {
    often: 1,
    right: 'bot.delete',
    choose: (d) => to('DELETE', `/bots/${d.one([...THINGS, 'three'])}`),
  },
  'connector.save': {
    often: 1,
    right: 'connector.update',
    choose: (d) =>
      to('PUT', '/connectors/sso', {
        ...{ kind: 'oidc', version: 'v1', metadata: { name: 'sso' } },
        spec: {
          ...{ issuer_url: 'http://127.0.0.1:9', client_id: 'x', client_secret: { value: 'x' } },
          claims_to_roles: [{ claim: 'groups', value: 'staff', roles: roleNames(d, 1, 2) }],
        },
      }),
  },
  'connector.remove': {
    often: 1,
    right: 'connector.delete',
    choose: () => to('DELETE', '/connectors/other'),
  },
  'token.make': {
    often: 4,
    right: 'api-token.create',
    choose: (d) => to('POST', '/api-tokens', { name: `t${d.below(1e9)}`, roles: roleNames(d, 1, 2) }),
  },
  'token.remove': {
    often: 1,
    right: 'api-token.delete',
    choose: ofMade('token.make', 'DELETE', (id) => `/api-tokens/${id}`),
  },
  'join.make': {
    often: 1,
    right: 'token.create',
    choose: (d) => to('POST', '/tokens', { roles: ['app'], ttl_seconds: 60 + d.below(9) }),
  },
  'invitation.make': {
    often: 4,
    right: 'invitation.create',
    choose: (d) =>
      to('POST', '/invitations', { name: `guest${d.below(1e9)}@example.com`, roles: roleNames(d, 1, 2) }),
  },
  'invitation.remove': {
    often: 1,
    right: 'invitation.delete',
    choose: ofMade('invitation.make', 'DELETE', (id) => `/invitations/${id}`),
  },
  'lock.make': {
    often: 3,
    right: 'lock.create',
    choose: (d) =>
      to('POST', '/locks', { target: d.chance(0.6) ? { user: person(d) } : { role: d.one(ROLES) } }),
  },
  'lock.remove': {
    often: 5,
    right: 'lock.delete',
    choose: ofMade('lock.make', 'DELETE', (id) => `/locks/${id}`),
  },
  'link.make': {
    often: 3,
    right: 'passkey.create',
    choose: (d) =>
      to('POST', `/users/${person(d)}/mfa`, { type: 'webauthn', sign_in: d.chance(0.5), ttl_seconds: 600 }),
  },
  'passkeys.remove': {
    often: 1,
    right: 'passkey.delete',
    choose: (d) => to('DELETE', `/users/${person(d)}/mfa`),
  },
  'session.end': {
    often: 0.3,
    right: 'session.end',
    choose: () => to('DELETE', '/sessions?user=late@example.com'),
  },
  'request.ask': {
    often: 8,
    right: 'request',
    choose: (d) =>
      to('POST', '/access-requests', {
        role: d.one([ASKED_FOR, ASKED_FOR, ...ROLES]),
        for: '1h',
        reason: 'work',
      }),
  },
  'request.approve': {
    often: 12,
    right: 'review',
    choose: ofMade('request.ask', 'POST', (id) => `/access-requests/${id}/approve`, {}),
  },
  'change.approve': {
    often: 12,
    choose: ofMade('change that waits', 'POST', (id) => `/changes/${id}/approve`, {}),
  },
  'change.force': {
    often: 6,
    choose: ofMade('change that waits', 'POST', (id) => `/changes/${id}/force`, { reason: 'urgent' }),
  },
  'request.end': {
    often: 1,
    choose: ofMade('request.ask', 'POST', (id) => `/access-requests/${id}/revoke`, {}),
  },
}

const TOTAL = Object.values(CHANGES).reduce((sum, { often }) => sum + often, 0)

/** Some change by somebody, mostly one whose route they have a right to: what the guard refuses at once says little. */
export function nextStep(draw: Draw, made: Made, by: string, has: (right: string) => boolean): Step {
  for (;;) {
    let at = draw.next() * TOTAL
    const [kind, { right, choose }] = Object.entries(CHANGES).find(([, { often }]) => {
      at -= often
      return at < 0
    })!
    if (right !== undefined && !has(right) && draw.chance(0.95)) continue
    const call = choose(draw, made)
    if (call) return { kind, by, ...call }
  }
}
