import { CliError, messageOf } from './cli-error.ts'
import { createHubClient } from './hub-client.ts'
import { proxyConnection } from './hub-connection.ts'
import type { Profile, ProfileStore } from './profile-store.ts'
import { parseProxy } from './proxy-address.ts'
import { showCell } from './table.ts'

/** Ends a stored login (the latest when `wanted` is left out) at its hub, and forgets it either way. */
export async function endLogin<P extends Profile>(
  store: ProfileStore<P>,
  wanted: string | undefined,
  note: (text: string) => void,
  program: 'mezctl' | 'msh',
): Promise<{ readonly told: { readonly proxy: string; readonly ended: boolean }; readonly text: string }> {
  const profile = store.get(wanted)
  if (profile === null) {
    throw new CliError('MEZ_NOT_LOGGED_IN', wanted ? `not signed in at ${wanted}` : 'not signed in', {
      hint: `Run ${program} login --proxy ${wanted ?? 'HOST[:PORT]'}.`,
    })
  }
  const { proxy, token, ca, user } = profile
  const connection = proxyConnection(parseProxy(proxy), { token, ca, why: 'logout', renewHint: '' })
  let ended = true
  try {
    await createHubClient(connection).call('DELETE', '/me/session', { deadlineMs: 5_000 })
  } catch (error) {
    // 401: the hub had ended it already.
    ended = error instanceof CliError && error.status === 401
    if (!ended) note(`The hub was not told, the session there runs until it expires: ${messageOf(error)}`)
  }
  store.remove(proxy)
  return { told: { proxy, ended }, text: `Signed out at ${proxy} (${showCell(user)}).` }
}
