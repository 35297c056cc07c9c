import type { CommandLogins } from '../../api/command-logins.ts'
import { Problem } from '../../api/problem.ts'
import { messageOf } from '../../kernel/error.ts'
import type { CliCodes } from './cli-codes.ts'
import { sessionTerms } from './session-terms.ts'
import type { SignInParts } from './sign-in-deps.ts'

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/
const LONGEST_CODE = 128

/** Spends the codes of the page for command lines. */
export function createCommandLogins(parts: SignInParts, codes: CliCodes): CommandLogins {
  const { sessions, users, locks, audit, methods, clock, log } = parts

  return {
    async redeem({ code, verifier, kind, longestMs, method: program, clientIp, requestId }) {
      // Logged, not recorded: any stranger can send a code.
      const refused = (why: string): Problem => {
        log.info({ request_id: requestId, client_ip: clientIp, method: program, why }, 'no sign-in')
        return new Problem(400, 'code_invalid', 'The code is unknown, used or too old. Sign in again.')
      }
      if (typeof code !== 'string' || code === '' || code.length > LONGEST_CODE) throw refused('no code')
      if (typeof verifier !== 'string' || !VERIFIER.test(verifier)) throw refused('no verifier')
      if (!audit.accepting) throw new Problem(503, 'audit_unavailable', 'Sign-ins cannot be recorded now.')
      const allowing = sessions.byId((await codes.spend(code, verifier)) ?? '')
      if (allowing?.kind !== 'hub') throw refused('the code does not count')

      // What was made under a lock would count as soon as the lock is gone.
      const subject = sessions.subjectOf(allowing)
      if (subject === undefined) throw refused('the name is gone, or somebody else’s')
      const lock = locks.lockFor(subject, null)
      if (lock !== null) throw new Problem(403, 'locked', lock.message ?? 'Your access is locked.')
      const roles = users.rolesOf(allowing.user)
      const { expires, idleMs } = sessionTerms(parts, roles, longestMs)
      // Nobody proves anew who they are: it lasts no longer than one of that time, and is no fresher.
      const since = allowing.created
      const latest = sessionTerms(parts, roles, Number.POSITIVE_INFINITY).expires - clock.now() + since
      // Not hung on the browser's session: closing the browser's session is not leaving the terminal.
      const { session, token } = await sessions.open({
        kind,
        user: allowing.user,
        holder: allowing.holder,
        connector: allowing.connector,
        clientIp,
        since,
        expires: Math.min(expires, latest),
        idleMs,
      })
      // Another hub may have ended it a moment ago; by now this one knows.
      if (!sessions.byId(allowing.id)) {
        await sessions.end([session.id], 'denied', null)
        throw refused('the session that allowed it has ended')
      }
      for (const method of methods()) {
        try {
          await method.adopt?.(allowing, session)
        } catch (error) {
          await sessions.end([session.id], 'denied', null)
          log.warn({ method: method.name, cause: messageOf(error) }, 'a command line was not signed in')
          throw new Problem(503, 'sign_in_failed', 'The sign-in could not be kept. Try again.')
        }
      }
      audit.record({
        type: 'user.login',
        success: true,
        user: session.user,
        roles,
        clientIp,
        sessionId: session.id,
        requestId,
        fields: { connector: session.connector, method: program },
      })
      return { session, token, roles }
    },
  }
}
