import { createHash } from 'node:crypto'
import { catalog, credentials, defineHubPlugin, ROLE_NAME, type Session, sessions, Type } from '@mezite/core'

const HEADER = 'x-my-plugin-key'
const DAY_MS = 86_400_000

/**
 * Lets programs open applications by a key in a header. Each key has an account of its own, `bot:NAME`, about which the gate
 * decides as about a person: roles, locks and policies count, and each request is recorded.
 */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Lets programs open applications by a key',
  config: Type.Closed({
    programs: Type.Array(
      Type.Closed({
        name: Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
        sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the key' }),
        roles: Type.Array(Type.String({ pattern: ROLE_NAME })),
        apps: Type.Array(Type.String(), { description: 'The only applications that it opens' }),
      }),
    ),
  }),
  needs: { catalog, sessions },
  provides: { credentials },
  setup({ config, clock, use, provide, tap }) {
    const byKey = new Map(config.programs.map((program) => [program.sha256, program]))
    const byName = new Map(config.programs.map((program) => [`bot:${program.name}`, program]))
    /** The session of each account on this hub, or its opening; null if that failed. */
    const open = new Map<string, Promise<Session | null>>()

    async function openSession(name: string, clientIp: string): Promise<Session> {
      const apps = byName.get(name)?.apps.flatMap((app) => use.catalog.byName(app)?.id ?? []) ?? []
      const expires = clock.now() + DAY_MS
      const { session } = await use.sessions.open({ kind: 'token', user: name, apps, clientIp, expires })
      return session
    }
    function sessionOf(name: string, clientIp: string): Promise<Session> {
      const known = open.get(name) ?? Promise.resolve(null)
      const next = known.then((one) =>
        one && use.sessions.byId(one.id) === one ? one : openSession(name, clientIp),
      )
      // Callers at the same time wait for one opening.
      open.set(
        name,
        next.catch(() => null),
      )
      return next
    }

    provide.credentials({
      name: 'my-plugin',
      from: 'header',
      at: 'app',
      headers: [HEADER],
      // Strangers send keys too: an unknown one costs a hash.
      read(key, { clientIp }) {
        const program = byKey.get(createHash('sha256').update(key).digest('hex'))
        if (!program) return { kind: 'refused', status: 401, code: 'key_unknown' }
        return sessionOf(`bot:${program.name}`, clientIp).then(
          ({ id }) => ({ kind: 'token', sessionId: id }) as const,
        )
      },
      bots: {
        find(name) {
          const program = byName.get(name)
          return program && { roles: program.roles, holder: program.sha256 }
        },
        names: () => byName.keys(),
        async findIn(_trx, name) {
          const program = byName.get(name)
          return program && { holder: program.sha256 }
        },
      },
    })

    tap.lifecycle.stop(async () => {
      const found = await Promise.all(open.values())
      const ids = found.flatMap((one) => one?.id ?? [])
      if (ids.length > 0) await use.sessions.end(ids, 'revoked', null)
    })
  },
})
