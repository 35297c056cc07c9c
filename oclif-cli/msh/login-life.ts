import { CliError, messageOf } from '@mezite/cli'
import { renewalOf } from '@mezite/cli/bot-login'
import { type Identity, renewHint } from '@mezite/cli/identity'
import { LONGEST_TIMER_MS } from '@mezite/core/protocol'

const RENEW_RETRY_MS = 30_000

/** Watches the certificate of a login: renews that of a bot in time, and reports when it has expired. */
export function createLoginLife(options: {
  readonly identity: Identity
  readonly renew: (() => Promise<Identity>) | undefined
  readonly onRenewed: () => void
  readonly onExpired: (error: CliError) => void
  readonly note: (text: string) => void
  readonly signal: AbortSignal
}) {
  const { renew, onRenewed, onExpired, note, signal } = options
  let { identity } = options
  const hub = identity.proxy.name
  let expiry: NodeJS.Timeout | undefined
  let renewal: NodeJS.Timeout | undefined

  function expireAt(): void {
    clearTimeout(expiry)
    const left = identity.expires - Date.now()
    if (left > 0) {
      expiry = setTimeout(expireAt, Math.min(left, LONGEST_TIMER_MS))
    } else {
      const what = `the certificate for ${hub} has expired`
      onExpired(new CliError('MEZ_LOGIN_EXPIRED', what, { hint: renewHint(identity) }))
    }
  }

  /** Renews when two thirds of the certificate's life are over, and again every 30 s until it works. */
  function renewInTime(at = renewalOf(identity)): void {
    if (renew === undefined) return
    clearTimeout(renewal)
    const wait = Math.min(Math.max(at - Date.now(), 0), LONGEST_TIMER_MS)
    renewal = setTimeout(async () => {
      try {
        identity = await renew()
        if (signal.aborted) return
        expireAt()
        renewInTime()
        onRenewed()
      } catch (error) {
        note(`warning: the login at ${hub} could not be renewed: ${messageOf(error)}`)
        if (!signal.aborted) renewInTime(Date.now() + RENEW_RETRY_MS)
      }
    }, wait)
  }

  return {
    identity: () => identity,
    start(): void {
      expireAt()
      renewInTime()
    },
    /** Looks at the clock: timers stop while the machine sleeps. */
    check: expireAt,
    stop(): void {
      clearTimeout(expiry)
      clearTimeout(renewal)
    },
  }
}
