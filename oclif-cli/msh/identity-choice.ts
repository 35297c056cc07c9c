import { CliError, createHubClient, type HubClient, parseProxy, proxyConnection } from '@mezite/cli-shared'
import type { Identity } from './identity.ts'
import { readIdentityFile } from './identity-file.ts'
import { loginStore, type MshProfile } from './login-store.ts'
import { readUserCertificate } from './user-key.ts'

export interface IdentityFlags {
  readonly identity?: string | undefined
  readonly proxy?: string | undefined
}

/**
 * Who the command line acts as: `-i FILE`, else MSH_IDENTITY, else the login at `--proxy` or MEZITE_PROXY, else the
 * latest login. Throws `MEZ_NOT_LOGGED_IN` or `MEZ_LOGIN_EXPIRED`.
 */
export function chooseIdentity(flags: IdentityFlags): Identity {
  const named = flags.proxy ?? (process.env.MEZITE_PROXY || undefined)
  const proxy = named === undefined ? null : parseProxy(named)
  const file = flags.identity ?? (process.env.MSH_IDENTITY || undefined)
  const identity = file === undefined ? storedIdentity(proxy?.name) : readIdentityFile(file, proxy)
  if (!(identity.expires > Date.now())) {
    const what =
      identity.file === null ? `the login at ${identity.proxy.name}` : `the identity ${identity.file}`
    throw new CliError('MEZ_LOGIN_EXPIRED', `${what} has expired`, { hint: renewHint(identity) })
  }
  return identity
}

function storedIdentity(wanted: string | undefined): Identity {
  const profile = loginStore().get(wanted)
  if (profile === null) {
    throw new CliError('MEZ_NOT_LOGGED_IN', wanted ? `not signed in at ${wanted}` : 'not signed in', {
      hint: `Run msh login --proxy ${wanted ?? 'HOST[:PORT]'}.`,
    })
  }
  return identityOf(profile)
}

/** A stored login as an identity, expired or not. */
export function identityOf(profile: MshProfile): Identity {
  const facts = readUserCertificate(profile.certificate)
  const { user, cluster, key, certificate, hub_ca, session_id, roles, token, ca } = profile
  if (!facts || hub_ca === null) {
    throw new CliError('MEZ_IDENTITY_INVALID', `the login at ${profile.proxy} has no usable certificate`, {
      hint: `Run msh login --proxy ${profile.proxy}.`,
    })
  }
  return {
    proxy: parseProxy(profile.proxy),
    ...{ user, cluster, key, certificate, roles, token, ca },
    hubCa: hub_ca,
    expires: facts.notAfter,
    sessionId: session_id,
    file: null,
  }
}

/** What to do when the identity counts no more. */
export function renewHint({ file, proxy }: Identity): string {
  return file === null
    ? `Run msh login --proxy ${proxy.name}.`
    : `Make another identity with msh login --proxy ${proxy.name} --out FILE.`
}

/** The hub's JSON API as that person; null with an identity file, which holds no credential for it. */
export function hubClientOf(identity: Identity): HubClient | null {
  const { proxy, token, ca, user } = identity
  if (token === null) return null
  return createHubClient(
    proxyConnection(proxy, { token, ca, why: `signed in as ${user}`, renewHint: renewHint(identity) }),
  )
}
