import type { FastifyRequest } from 'fastify'
import type { Bot } from '../../api/credentials.ts'
import { problemFor } from '../../api/reasons.ts'
import { isAdminRight } from '../../api/rights.ts'
import type { Subject } from '../../api/subject.ts'
import { isReading, requireRight } from './administrator.ts'
import { requireConfirmation } from './confirmation.ts'
import type { GuardOptions } from './route-guard.ts'

/** Throws `Problem` 403 unless this caller, who is known, may call the route of the request now. */
export function requireCaller(subject: Subject, request: FastifyRequest, options: GuardOptions): Subject {
  const { access } = request.routeOptions.config
  if (subject.kind === 'bot')
    requireBotLimits(options.botOf?.(subject.user), request.clientIp, request.routeOptions.url ?? '')
  if (!isAdminRight(access)) return subject
  requireRight(subject, access, request, options)
  if (subject.kind === 'certificate') {
    const detail = 'An msh login cannot administer the hub. Sign in with mezctl login, or use an API token.'
    throw problemFor('msh_login_not_allowed', detail)
  }
  if (!isReading(access)) requireConfirmation(subject, options)
  return subject
}

/** The part of the API about the caller. */
const OWN_ROUTES = /^\/v1\/webapi\/me(?:\/|$)/

/** Throws `Problem` 403 unless the bot may call this route from this address. */
function requireBotLimits(bot: Bot | undefined, clientIp: string, route: string): void {
  if (bot?.allowsFrom?.(clientIp) === false) throw problemFor('address_not_allowed')
  if ((bot?.api === true && bot.actsFor === undefined) || OWN_ROUTES.test(route)) return
  const detail =
    'A bot calls only the part of the API about itself, unless its document says `api: true`. Programs that administer the hub use an API token.'
  throw problemFor('bot_not_allowed', detail)
}
