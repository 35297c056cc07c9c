import { type Log, Problem, type Sessions, type SignInDesk } from '@mezite/core'
import type { CommandLogins } from '@mezite/core/identity'
import type { LoginCodes } from './login-codes.ts'
import { problemFor } from './reasons.ts'

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/
const LONGEST_CODE = 128

/** Redeems the codes of the page for command lines. */
export function createCommandLogins(deps: {
  readonly codes: Pick<LoginCodes, 'spend'>
  readonly sessions: Pick<Sessions, 'byId'>
  readonly desk: Pick<SignInDesk, 'openProgramSession'>
  readonly log: Log
}): CommandLogins {
  const { codes, sessions, desk, log } = deps
  return {
    async redeem({ code, verifier, ...input }) {
      // Logged but not recorded in the audit, because anyone can send a code.
      const refused = (why: string): Problem => {
        const { requestId, clientIp, method } = input
        log.info({ request_id: requestId, client_ip: clientIp, method, why }, 'refused a login code')
        return problemFor('code_invalid')
      }
      if (typeof code !== 'string' || code === '' || code.length > LONGEST_CODE) throw refused('no code')
      if (typeof verifier !== 'string' || !VERIFIER.test(verifier)) throw refused('no verifier')
      const allowing = sessions.byId((await codes.spend(code, verifier)) ?? '')
      if (allowing?.kind !== 'hub') throw refused('the code is not valid')
      try {
        return await desk.openProgramSession(allowing, input)
      } catch (error) {
        const ended = error instanceof Problem && error.code === 'login_required'
        throw ended ? refused('the sign-in that allowed it has ended') : error
      }
    },
  }
}
