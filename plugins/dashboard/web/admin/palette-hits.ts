import type { drawings } from '@mezite/core/drawings'
import { searchFor } from '@mezite/core/search'
import { ApiError, loadPage } from '../api.ts'
import type { Responses, Right } from '../api-types.ts'
import type { LockKind } from './locks.tsx'
import { openPages } from './navigation.ts'
import { may } from './rights.tsx'
import { BASE, to } from './router.ts'
import { a } from './text.ts'

/** One thing that the search over everything found. */
export interface Hit {
  readonly text: string
  readonly more: string
  /** What it is, for people. */
  readonly kind: string
  readonly glyph: keyof typeof drawings
  readonly href?: string
  /** Asks for a lock of this. */
  readonly lock?: readonly [LockKind, string] | undefined
}

/** A hit before it has its place: the better, the earlier. */
type Ranked = Hit & { readonly rank: number }

const OF_EACH = 6
const MOST = 20
/** A request's id, or the beginning of one. */
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f-]{4,}$/i

interface Source {
  readonly path: string
  /** Null: everybody may list theirs. */
  readonly right: Right | null
  hit(row: never): Hit
}
const source = <Row>(path: string, right: Source['right'], hit: (row: Row) => Hit): Source => ({
  path,
  right,
  hit: hit as Source['hit'],
})

const SOURCES: readonly Source[] = [
  source<Responses['GET /apps'][number]>(
    '/apps',
    'app.list',
    ({ metadata: { name }, spec: { display } }) => ({
      ...{ text: display?.name ?? name, more: name, kind: a('app'), glyph: 'grid' },
      ...{ href: to('apps', name), lock: ['app', name] },
    }),
  ),
  source<Responses['GET /users'][number]>('/users', 'user.list', ({ name, display_name, roles }) => ({
    ...{
      text: display_name ?? name,
      more: display_name === null ? roles.slice(0, 3).join(', ') : name,
      kind: a('person'),
      glyph: 'people',
    },
    ...{ href: to('people', name), lock: ['user', name] },
  })),
  source<Responses['GET /roles'][number]>(
    '/roles',
    'role.list',
    ({ metadata: { name, description = '' } }) => ({
      ...{ text: name, more: description, kind: a('role'), glyph: 'shield' },
      ...{ href: to('roles', name), lock: ['role', name] },
    }),
  ),
  source<Responses['GET /agents'][number]>('/agents', 'agent.list', ({ hostname, connected }) => ({
    text: hostname,
    more: connected ? a('connected') : a('notConnected'),
    ...{ kind: a('agent'), glyph: 'server', href: to('agents', hostname), lock: ['agent', hostname] },
  })),
  source<Responses['GET /locks'][number]>('/locks', 'lock.list', ({ id, target, message }) => ({
    ...{ text: Object.values(target)[0] ?? '', more: message ?? '', kind: a('locks'), glyph: 'lock' },
    href: `${BASE}/locks?q=${encodeURIComponent(id)}`,
  })),
  source<{ readonly metadata: { readonly name: string; readonly description?: string } }>(
    '/bots',
    'bot.list',
    ({ metadata: { name, description = '' } }) => ({
      ...{ text: name, more: description, kind: a('bots'), glyph: 'plugin', href: to('plugins', 'bots') },
    }),
  ),
  source<{
    readonly id: string
    readonly user: string
    readonly role: string
    readonly app: string | null
    readonly reason: string
  }>('/access-requests', null, ({ id, user, role, app, reason }) => ({
    ...{ text: `${user}: ${app ?? role}`, more: reason, kind: a('accessRequests'), glyph: 'list' },
    href: `/web/access-requests/${encodeURIComponent(id)}`,
  })),
]

/** Words that ask for a lock in front of a name, in both languages. */
const LOCKS = /^(?:lock|sperre|sperren|block)\s+(.+)$/i

/** The best of everything for a query: apps, people, roles, agents, programs, requests, pages and actions. */
export async function hitsFor(query: string): Promise<readonly Hit[]> {
  const wanted = query.trim()
  if (wanted === '') return pageHits('').slice(0, MOST)
  const [, name] = LOCKS.exec(wanted) ?? []
  if (name !== undefined && may('lock.create')) {
    const found = await Promise.all(SOURCES.slice(0, 4).map((each) => fromHub(each, name)))
    return sorted(found.flat())
      .filter(({ lock }) => lock !== undefined)
      .map((hit) => ({ ...hit, text: a('lockThis', { name: hit.text }), glyph: 'lock' as const }))
  }
  const found = await Promise.all(SOURCES.map((each) => fromHub(each, wanted)))
  const request: readonly Ranked[] =
    REQUEST_ID.test(wanted) && may('audit.list')
      ? [
          {
            ...{
              text: a('oneRequestId', { id: wanted }),
              more: '',
              kind: a('requests'),
              glyph: 'list' as const,
            },
            ...{ href: to('requests', wanted), rank: 200 },
          },
        ]
      : []
  return sorted([...request, ...found.flat(), ...pageHits(wanted)])
    .slice(0, MOST)
    .map(({ lock: _, ...hit }) => hit)
}

const sorted = (hits: readonly Ranked[]): readonly Ranked[] =>
  hits.toSorted((one, other) => other.rank - one.rank)

/** What the hub finds in one of its lists; its order there stays. A list of a plugin that is switched off has nothing. */
async function fromHub({ path, right, hit }: Source, query: string): Promise<readonly Ranked[]> {
  if (right !== null && !may(right)) return []
  const search = searchFor(query)
  const page = await loadPage<never>(`${path}?limit=${OF_EACH}&q=${encodeURIComponent(query)}`).catch(
    (error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return null
      throw error
    },
  )
  if (page === null) return []
  let last = Number.POSITIVE_INFINITY
  return page.rows.map((row) => {
    const found = hit(row)
    // A match in a text that is not shown comes after one in the name, and mistyped names last.
    const rank = page.counts.near ? 0.5 : Math.max(search.rank([found.text, found.more]), 1)
    last = Math.min(last, rank)
    return { ...found, rank: last }
  })
}

const ACTIONS: readonly (readonly [string, string, Right])[] = [
  [a('addApp'), to('apps', '+'), 'app.create'],
  [a('addAgent'), `${BASE}/agents?add`, 'token.create'],
  [a('addPerson'), `${BASE}/people?add`, 'user.create'],
  [a('addRole'), to('roles', '+'), 'role.update'],
  [a('addConnector'), to('sign-in', '+'), 'connector.update'],
  [a('addLock'), `${BASE}/locks?add`, 'lock.create'],
  [a('addToken'), `${BASE}/tokens?add`, 'api-token.create'],
]

/** Pages and actions. */
function pageHits(query: string): readonly Ranked[] {
  const search = searchFor(query)
  const pages = openPages()
    .flatMap(([, pages]) => pages)
    .map(([slug, title, glyph]) => ({
      ...{ text: a(title), more: '', kind: a('pages'), glyph, href: `${BASE}/${slug}` },
    }))
  const actions = ACTIONS.filter(([, , right]) => may(right)).map(([text, href]) => ({
    ...{ text, more: '', kind: a('actions'), glyph: 'compass' as const, href },
  }))
  return [...pages, ...actions].flatMap((hit) => {
    const rank = search.rank([hit.text]) || (query.length > 3 ? search.rank([hit.text], 'near') / 100 : 0)
    return rank === 0 ? [] : [{ ...hit, rank }]
  })
}
