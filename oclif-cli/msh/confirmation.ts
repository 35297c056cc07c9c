import { CliError } from '@mezite/cli'
import type { Identity } from '@mezite/cli/identity'

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
  return new CliError(NEEDS_PASSKEY, `${app} needs your passkey: open ${page} in a browser, then try again`)
}

const needsPasskey = (error: unknown): boolean => error instanceof CliError && error.code === NEEDS_PASSKEY
