import type { IncomingMessage } from 'node:http'
import { CliError, isTerminal, messageOf } from '@mezite/cli'
import type { Identity } from '@mezite/cli/identity'
import { REASON_HEADER } from '@mezite/core/protocol'

/** The hub opens the app after a confirmation with a passkey. Its reason, also in `Refusal`. */
export const NEEDS_PASSKEY = 'session_mfa_required'

/** The page on which the person confirms that this login may open the app; null for an identity file, which belongs to a job. */
function pageFor(app: string, { proxy, sessionId }: Pick<Identity, 'proxy' | 'sessionId'>): URL | null {
  if (sessionId === null) return null
  const page = new URL(`https://${proxy.name}/web/confirm`)
  page.searchParams.set('session', sessionId)
  page.searchParams.set('app', app)
  return page
}

/** Opens the page in a browser, and waits until the person has confirmed. False if this identity cannot confirm. Throws `CliError`. */
export async function confirmInBrowser(app: string, identity: Identity): Promise<boolean> {
  const page = pageFor(app, identity)
  if (page === null) return false
  const { waitForRedirect } = await import('@mezite/cli/login')
  process.stderr.write(`${app} needs your passkey.\n`)
  await waitForRedirect(page, identity.proxy, async () => {})
  return true
}

/** Runs it, and once more after a confirmation in the browser if the app needs a passkey. */
export async function withConfirmation<T>(
  app: string,
  identity: Identity,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!needsPasskey(error) || !(await confirmInBrowser(app, identity))) throw error
    return run()
  }
}

/**
 * The error for programs that other programs start: they show the person one message, and nobody waits for a browser. It has the
 * address of the page.
 */
export function withAddress(
  error: unknown,
  app: string,
  identity: Pick<Identity, 'proxy' | 'sessionId'>,
): unknown {
  const page = needsPasskey(error) ? pageFor(app, identity) : null
  if (page === null) return error
  return new CliError(NEEDS_PASSKEY, addressOf(app, page))
}

/** Whether the hub has refused a request until the person confirms. Apps cannot send the header. */
export const isPasskeyRefusal = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers[REASON_HEADER] === NEEDS_PASSKEY || headers[REASON_HEADER] === 'confirmation_required'

/**
 * Asks for the passkey while the port of an app is open: the returned function gets when the refused request was sent, in ms of
 * `performance.now()`, and resolves to whether the person has confirmed since. Requests that come meanwhile wait for the same page.
 * Without a terminal nobody would see it: then it prints the address alone.
 */
export function confirmationsFor(
  app: string,
  identity: Identity,
  note: (text: string) => void,
): (sentAt: number) => Promise<boolean> {
  let asked: Promise<boolean> | null = null
  let confirmedAt = Number.NEGATIVE_INFINITY
  return async (sentAt) => {
    // The refusal of a request that was sent before may arrive late.
    if (sentAt < confirmedAt) return true
    const page = pageFor(app, identity)
    if (page === null) return false
    if (!isTerminal()) {
      note(addressOf(app, page))
      return false
    }
    asked ??= confirmInBrowser(app, identity)
      .then((confirmed) => {
        if (confirmed) confirmedAt = performance.now()
        return confirmed
      })
      .catch((error: unknown) => {
        note(`${app}: ${messageOf(error)}`)
        return false
      })
      .finally(() => {
        asked = null
      })
    return asked
  }
}

const addressOf = (app: string, page: URL) =>
  `${app} needs your passkey: open ${page} in a browser, then try again`

const needsPasskey = (error: unknown): boolean => error instanceof CliError && error.code === NEEDS_PASSKEY
