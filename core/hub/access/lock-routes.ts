import { Type } from 'typebox'
import { PageQuery, pageOf } from '../../api/paging.ts'
import { Problem } from '../../api/problem.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { Lock, LockKind } from './lock.ts'
import type { RunningLocks } from './locks.ts'

const admin = { config: { access: 'admin' } } as const
const cutting = { config: { access: 'admin', cuts: true } } as const
const closed = { additionalProperties: false } as const
const Target = Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 }))
const Body = Type.Object(
  {
    target: Type.Object({ user: Target, role: Target, session: Target, app: Target, agent: Target }, closed),
    ttl_seconds: Type.Optional(Type.Union([Type.Integer({ minimum: 1, maximum: 315_360_000 }), Type.Null()])),
    message: Type.Optional(Type.Union([Type.String({ maxLength: 1_024 }), Type.Null()])),
  },
  closed,
)
const LockResource = Type.Object({
  id: Type.String(),
  target: Type.Object({ user: Target, role: Target, session: Target, app: Target, agent: Target }),
  message: Type.Union([Type.String(), Type.Null()]),
  created: Type.String(),
  expires: Type.Union([Type.String(), Type.Null()]),
})
interface LockBody {
  readonly target: Partial<Record<LockKind, string>>
  readonly ttl_seconds?: number | null
  readonly message?: string | null
}

/** `/v1/webapi/locks`. A new lock cuts live streams. */
export function lockRoutes(options: { readonly locks: RunningLocks }): WebRoutes {
  const { locks } = options
  return {
    name: 'locks',
    prefix: '/v1/webapi/locks',
    async routes(web) {
      const list = { summary: 'All locks', querystring: PageQuery, returns: Type.Array(LockResource) }
      web.get('/', { ...admin, schema: list }, async (request, reply) =>
        pageOf(request, reply, locks.list().map(show), {
          keyOf: ({ created, id }) => `${created} ${id}`,
          textOf: ({ id, target, message }) => [id, ...Object.values(target), message ?? ''].join(' '),
          descending: true,
        }),
      )
      web.post<{ Body: LockBody }>(
        '/',
        { ...cutting, schema: { body: Body, returns: LockResource } },
        async (request, reply) => {
          const { target, ttl_seconds: ttl = null, message = null } = request.body
          const given = Object.entries(target) as [LockKind, string][]
          const [only] = given
          if (!only || given.length > 1) {
            throw new Problem(
              400,
              'lock_target_invalid',
              'A lock needs exactly one target: user, role, session, app or agent.',
            )
          }
          const [kind, name] = only
          const ttlMs = ttl === null ? null : ttl * 1_000
          const lock = await locks.create({ kind, target: name, message, ttlMs }, request.actor)
          reply.code(201)
          return show(lock)
        },
      )
      web.delete<{ Params: { id: string } }>('/:id', admin, async (request) => {
        const lock = await locks.remove(request.params.id, request.actor)
        return { id: lock.id, removed: true }
      })
    },
  }
}

const show = ({ id, kind, target, message, created, expires }: Lock) => ({
  id,
  target: { [kind]: target },
  message,
  created: new Date(created).toISOString(),
  expires: expires === null ? null : new Date(expires).toISOString(),
})
