import type { FastifyReply } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { SignInDesk } from '../../api/sign-in.ts'
import { messageOf } from '../../kernel/error.ts'
import { hubSessionOf, setHubCookie } from './hub-cookie.ts'
import { createLoginStates } from './login-state.ts'
import { sessionTerms } from './session-terms.ts'
import type { SignInParts } from './sign-in-deps.ts'

/** The desk at which every sign-in method ends. */
export function createDesk(parts: SignInParts): Omit<SignInDesk, 'sessionOf' | 'meet'> {
  const { secretBox, users, sessions, publicNames, audit, pages, clock, log } = parts
  const states = createLoginStates(secretBox, clock)

  return {
    ...states,

    async complete(request, reply, { user, connector, method, state, opened }) {
      if (!audit.accepting) throw new Problem(503, 'audit_unavailable', 'Sign-ins cannot be recorded now.')
      const previous = await hubSessionOf(request, sessions)
      if (previous) await sessions.end([previous.id], 'logout', sessions.subjectOf(previous) ?? null)

      const roles = users.rolesOf(user.name)
      const { expires, idleMs } = sessionTerms(parts, roles)
      const { session, token } = await sessions.open({
        kind: 'hub',
        user: user.name,
        holder: user.holder,
        connector,
        clientIp: request.clientIp,
        expires,
        idleMs,
      })
      try {
        await opened?.(session)
      } catch (error) {
        await sessions.end([session.id], 'denied', null)
        log.warn({ request_id: request.id, connector, cause: messageOf(error) }, 'a sign-in was undone')
        throw error instanceof Problem
          ? error
          : new Problem(503, 'sign_in_failed', 'The sign-in could not be kept. Try again.')
      }
      audit.record({
        type: 'user.login',
        success: true,
        user: user.name,
        roles,
        clientIp: request.clientIp,
        sessionId: session.id,
        requestId: request.id,
        fields: { connector, method },
      })
      setHubCookie(reply, token, Math.floor((expires - clock.now()) / 1_000))
      return reply.redirect(
        `${publicNames.signInOrigin}/web/continue?state=${encodeURIComponent(state)}`,
        303,
      )
    },

    async fail(request, reply, { connector, method, reason, status, detail, user, audited = true }) {
      if (audited) {
        audit.record({
          type: 'user.login.failed',
          success: false,
          reason,
          user: user ?? null,
          clientIp: request.clientIp,
          requestId: request.id,
          fields: { connector, method },
        })
      } else {
        log.info({ request_id: request.id, client_ip: request.clientIp, connector, reason }, 'no sign-in')
      }
      return sendPage(
        reply.code(status),
        pages.error({ status, title: '', code: reason, detail, requestId: request.id }),
      )
    },
  }
}

/** Every page of the hub's own host is private: no cache keeps it. */
export function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(page)
}
