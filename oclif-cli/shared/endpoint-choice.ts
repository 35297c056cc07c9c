import { join } from 'node:path'
import { CliError } from './cli-error.ts'
import { type HubEndpoint, parseProxy, proxyEndpoint, readCaFile, socketEndpoint } from './hub-endpoint.ts'
import { programHome, programSecrets } from './private-file.ts'
import { createProfileStore, notLoggedIn } from './profile-store.ts'

const DEFAULT_DATA_DIR = '/var/lib/mezite'

/**
 * The endpoint of the hub: the first that is set of `--data-dir`, MEZITE_AUTH_TOKEN, MEZITE_DATA_DIR, a stored login (at
 * MEZITE_PROXY if set, else the latest) and the admin socket in /var/lib/mezite. A failure never leads to the next one.
 */
export function chooseEndpoint(dataDir: string | undefined): HubEndpoint {
  const env = process.env
  // An unset shell variable must not select another hub.
  if (dataDir === '')
    throw new CliError('MEZ_USAGE_WRONG', '--data-dir is empty', { hint: 'Is a shell variable unset?' })
  if (dataDir) return adminSocket(dataDir, '--data-dir')
  if (env.MEZITE_AUTH_TOKEN) return tokenEndpoint(env.MEZITE_AUTH_TOKEN)
  if (env.MEZITE_DATA_DIR) return adminSocket(env.MEZITE_DATA_DIR, 'MEZITE_DATA_DIR')
  return storedLogin() ?? adminSocket(DEFAULT_DATA_DIR, 'default data_dir, no stored login')
}

/** The folder of mezctl's files. */
export const mezctlHome = (): string => programHome('MEZCTL_HOME', '.mezctl')

/** The logins of mezctl: in MEZCTL_HOME, or in ~/.mezctl with their secrets in the system's store. */
export function adminLogins() {
  const secrets = programSecrets('MEZCTL_HOME', 'mezite-mezctl')
  return createProfileStore(mezctlHome(), [], secrets)
}

function adminSocket(dataDir: string, why: string): HubEndpoint {
  return socketEndpoint(join(dataDir, 'admin.sock'), why)
}

function tokenEndpoint(token: string): HubEndpoint {
  const proxy = process.env.MEZITE_PROXY
  if (!proxy) {
    throw new CliError('MEZ_USAGE_WRONG', 'MEZITE_AUTH_TOKEN is set without MEZITE_PROXY', {
      hint: 'Set MEZITE_PROXY to HOST[:PORT] of the hub that issued the token.',
    })
  }
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CliError('MEZ_USAGE_WRONG', 'MEZITE_AUTH_TOKEN is not a token')
  const caFile = process.env.MEZITE_CA_FILE
  return proxyEndpoint(parseProxy(proxy), {
    token,
    ca: caFile ? readCaFile(caFile) : null,
    why: 'MEZITE_AUTH_TOKEN',
    renewHint:
      'The hub does not accept the token in MEZITE_AUTH_TOKEN. Create another: mezctl api-tokens create.',
    trustHint:
      'Name its certificate authority: MEZITE_CA_FILE beside MEZITE_AUTH_TOKEN, or NODE_EXTRA_CA_CERTS.',
  })
}

function storedLogin(): HubEndpoint | null {
  const wanted = process.env.MEZITE_PROXY ? parseProxy(process.env.MEZITE_PROXY).name : undefined
  const profile = adminLogins().get(wanted)
  if (profile === null) {
    if (wanted === undefined) return null
    throw notLoggedIn('mezctl', wanted, ' (MEZITE_PROXY)')
  }
  const renewHint = `Run mezctl login --proxy ${profile.proxy}.`
  if (!(Date.parse(profile.expires) > Date.now())) {
    throw new CliError('MEZ_LOGIN_EXPIRED', `the login at ${profile.proxy} has expired`, {
      hint: `${renewHint} To use the admin socket instead: mezctl logout, or --data-dir DIR.`,
    })
  }
  return proxyEndpoint(parseProxy(profile.proxy), {
    token: profile.token,
    ca: profile.ca,
    why: `signed in as ${profile.user}`,
    renewHint,
  })
}
