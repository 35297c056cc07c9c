/** Documents and roles that a seed chooses. */
import { RIGHTS } from '../hub/route-rights.ts'
import type { Draw } from './draw.ts'

export const PEOPLE = ['ann@example.com', 'bob@example.com', 'eve@example.com', 'dan@example.com'] as const
/** People whom a step may make. */
export const NEWCOMERS = ['new@example.com', 'late@example.com']
export const ROLES = ['r1', 'r2', 'r3', 'r4'] as const
/** The role for which people ask most. */
export const ASKED_FOR = 'r2'
const STANDARD = ['helpdesk', 'app-owner', 'auditor', 'security', 'access']
export const THINGS = ['one', 'two'] as const
const KINDS = [
  ...[
    'access',
    'agent',
    'api-token',
    'app',
    'app_source',
    'bot',
    'change',
    'connector',
    'invitation',
    'lock',
  ],
  ...['passkey', 'role', 'session', 'token', 'user'],
]
const VERBS = ['list', 'read', 'create', 'update', 'delete']
const OWNERS = [...PEOPLE.slice(0, 3), 'r1', 'r2', 'nobody']

const labels = (draw: Draw) => (draw.chance(0.3) ? {} : { owner: draw.one(OWNERS) })
/** Names of roles for somebody or something. */
export const roleNames = (draw: Draw, least: number, most: number) =>
  draw
    .some([...ROLES, ...ROLES, 'admin', draw.one(STANDARD)], least, most)
    .filter((r, i, all) => all.indexOf(r) === i)

function rule(draw: Draw, labelled: number) {
  const where = { labels: { owner: draw.one(['{{user.name}}', '{{user.roles}}', ...OWNERS.slice(0, 4)]) } }
  const limits = draw.chance(labelled) && { where }
  const verbs = draw.some(VERBS, 1, 3)
  // The hub refuses kinds and verbs that are nobody's right.
  const kinds = draw.some(KINDS, 1, 3).filter((kind) => verbs.some((verb) => `${kind}.${verb}` in RIGHTS))
  if (draw.chance(0.1)) return { kinds: ['*'], verbs, ...limits }
  if (kinds.length === 0 || draw.chance(0.6))
    return { kinds: draw.some(KINDS, 1, 3), verbs: ['*'], ...limits }
  return {
    kinds,
    verbs: verbs.filter((verb) => kinds.some((kind) => `${kind}.${verb}` in RIGHTS)),
    ...limits,
  }
}

/** A document of a role; `wide` for those with which people can do much. */
export function roleDocument(draw: Draw, name: string, wide = false): object {
  const admin = Array.from({ length: draw.below(3) + (wide ? 1 : 0) }, () => rule(draw, wide ? 0.1 : 0.4))
  if (wide) admin.push({ kinds: draw.some(KINDS, 8, 14), verbs: ['*'] })
  const of = () => ({ roles: draw.chance(0.5) ? [ASKED_FOR] : roleNames(draw, 1, 1) })
  // Who has r4 asks, and who has r3 approves: by chance alone, they would seldom meet.
  const asked = draw.chance(name === 'r4' ? 0.9 : 0.2) ? { request: of() } : {}
  const reviewed = draw.chance(name === 'r3' ? 0.9 : 0.2) ? { review: of() } : {}
  const denied = draw.chance(0.15) ? { deny: { admin: [rule(draw, 0.5)] } } : {}
  return {
    ...{ kind: 'role', version: 'v1', metadata: { name, labels: labels(draw) } },
    spec: { allow: { ...(admin.length > 0 && { admin }), ...asked, ...reviewed }, ...denied },
  }
}

export const appDocument = (draw: Draw, name: string): object => ({
  ...{ kind: 'app', version: 'v1', metadata: { name, labels: labels(draw) } },
  spec: { uri: 'http://127.0.0.1:9', agents: ['agent-1'] },
})

export const botDocument = (draw: Draw, name: string): object => ({
  ...{ kind: 'bot', version: 'v1', metadata: { name, labels: labels(draw) } },
  spec: draw.chance(0.2)
    ? { roles: roleNames(draw, 0, 2), acts_for: draw.one(PEOPLE) }
    : { roles: roleNames(draw, 0, 2), api: draw.chance(0.7) },
})

export const sourceDocument = (draw: Draw, name: string): object => ({
  ...{ kind: 'app_source', version: 'v1', metadata: { name, labels: labels(draw) } },
  spec: { agents: ['agent-1'], names: [`${name}-*`] },
})

/** Roles for each person at the beginning of a search. */
export const rolesAtFirst = (draw: Draw, person: string): string[] => [
  ...new Set([
    ...(draw.chance(0.6) ? ['r1'] : []),
    ...roleNames(draw, 0, 2).filter((name) => name !== 'admin' || person === PEOPLE[3]),
  ]),
]
