import { createHash } from 'node:crypto'
import { catalog, credentials, defineHubPlugin, ROLE_NAME, type Session, sessions, Type } from '@mezite/core'

const HEADER = 'x-service-key'
const DAY_MS = 86_400_000

const Account = Type.Object(
  {
    /** SHA-256 of the key, in hex. */
    key_sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    roles: Type.Array(Type.String({ pattern: ROLE_NAME })),
    /** Names of the only applications that the key opens. */
    apps: Type.Array(Type.String()),
  },
  { additionalProperties: false },
)

/**
 * Lets programs reach applications by a key in the header `X-Service-Key`. Each has an account of its own, `bot:NAME`, with
 * roles, and the gate decides about it as about a person.
 */
export default defineHubPlugin({
  name: 'service-accounts',
  api: 1,
  summary: 'Lets programs reach applications by a key',
  config: Type.Object(
    { accounts: Type.Object({}, { additionalProperties: Account }) },
    { additionalProperties: false },
  ),
  needs: { catalog, sessions },
  provides: { credentials },
  setup({ config, clock, use, provide, tap }) {
    const accounts = new Map(
      Object.entries(config.accounts).map(([name, account]) => [`bot:${name}`, account]),
    )
    const byKey = new Map([...accounts].map(([name, { key_sha256 }]) => [key_sha256, name]))
    /** The session of each account on this hub, or its opening. */
    const open = new Map<string, Session | Promise<Session>>()

    async function openSession(name: string, clientIp: string): Promise<Session> {
      const apps = accounts.get(name)?.apps.flatMap((app: string) => use.catalog.byName(app)?.id ?? []) ?? []
      const expires = clock.now() + DAY_MS
      const { session } = await use.sessions.open({ kind: 'token', user: name, apps, clientIp, expires })
      open.set(name, session)
      return session
    }

    provide.credentials({
      name: 'service-key',
      from: 'header',
      at: 'app',
      headers: [HEADER],
      // A stranger's key costs one hash.
      read(key, { clientIp }) {
        const name = byKey.get(createHash('sha256').update(key).digest('hex'))
        if (name === undefined) return { kind: 'refused', status: 401, code: 'key_unknown' }
        const known = open.get(name)
        if (known !== undefined && !(known instanceof Promise) && use.sessions.byId(known.id) === known)
          return { kind: 'token', sessionId: known.id }
        const opening = known instanceof Promise ? known : openSession(name, clientIp)
        open.set(name, opening)
        return opening.then(
          ({ id }) => ({ kind: 'token', sessionId: id }) as const,
          (error) => {
            open.delete(name)
            throw error
          },
        )
      },
      challenge: ({ presented }) => (presented ? `ServiceKey error="invalid_key"` : 'ServiceKey'),
      document: {
        path: '/.well-known/service-key',
        of: (origin) => ({ resource: origin, header: HEADER }),
      },
      bots: {
        find: (name) => {
          const account = accounts.get(name)
          return account && { roles: account.roles, holder: account.key_sha256 }
        },
        names: () => accounts.keys(),
        findIn: async (_trx, name) => {
          const account = accounts.get(name)
          return account && { holder: account.key_sha256 }
        },
      },
    })

    tap.lifecycle.stop(async () => {
      const left = (await Promise.allSettled(open.values())).flatMap((one) =>
        one.status === 'fulfilled' ? [one.value.id] : [],
      )
      if (left.length > 0) await use.sessions.end(left, 'revoked', null)
    })
  },
})
