import type { FastifyInstance } from 'fastify'
import type { SignInDeps } from './sign-in-deps.ts'

const user = { config: { access: 'user' } } as const

/** Routes with which signed-in people and programs read their own data. */
export function meRoutes(app: FastifyInstance, { access, sessions, locks }: SignInDeps): void {
  app.get('/v1/webapi/me', user, async ({ subject }) => {
    const lock = locks.lockFor(subject, null)
    return { user: subject.user, roles: subject.roles, locked: lock && { message: lock.message } }
  })

  app.get('/v1/webapi/me/apps', user, async ({ subject }) => {
    const apps = await access.visible(subject)
    return apps.map(({ name, protocol, publicAddr, labels }) => ({
      name,
      protocol,
      public_addr: publicAddr,
      labels,
    }))
  })

  app.delete('/v1/webapi/me/session', user, async ({ subject }) => {
    const ended = subject.sessionId === null ? 0 : await sessions.end([subject.sessionId], 'logout', subject)
    return { ended }
  })
}
