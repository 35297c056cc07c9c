import type { LoginProof } from './browser-login.ts'
import { CliError } from './cli-error.ts'
import type { HubClient } from './hub-client.ts'

/** What every login answers with. */
export interface LoginAnswer {
  readonly token: string
  /** RFC 3339. */
  readonly expires: string
  readonly user: string
  readonly cluster: string
  readonly hub_ca: string | null
}

/** Asks the hub something, so that one that cannot be reached or trusted is told of before a browser opens. */
export async function findHub(client: HubClient): Promise<void> {
  try {
    await client.call('GET', '/me', { deadlineMs: 10_000 })
  } catch (error) {
    // It is there: nobody has signed in yet.
    if (!(error instanceof CliError && error.status === 401)) throw error
  }
}

/** Exchanges the proof for a credential at `path`, with further fields in `more`. `body` is the whole answer. */
export async function redeemLogin(
  client: HubClient,
  path: string,
  proof: LoginProof,
  more: object = {},
): Promise<{ readonly answer: LoginAnswer; readonly body: Readonly<Record<string, unknown>> }> {
  const body = ((await client.call('POST', path, { body: { ...proof, ...more } })) ?? {}) as Record<
    string,
    unknown
  >
  const { token, expires, user, cluster, hub_ca } = body
  if (typeof token !== 'string' || typeof expires !== 'string') {
    throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub answered the login without a credential')
  }
  const answer = {
    token,
    expires,
    user: String(user ?? ''),
    cluster: String(cluster ?? ''),
    hub_ca: typeof hub_ca === 'string' ? hub_ca : null,
  }
  return { answer, body }
}
