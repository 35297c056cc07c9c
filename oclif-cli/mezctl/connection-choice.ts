import { join } from 'node:path'
import {
  CliError,
  createProfileStore,
  type HubConnection,
  parseProxy,
  programHome,
  proxyConnection,
  readCaFile,
  socketConnection,
} from '@mezite/cli-shared'

const DEFAULT_DATA_DIR = '/var/lib/mezite'

/**
 * The way to the hub, by the first that is there: `--data-dir`, MEZITE_AUTH_TOKEN, MEZITE_DATA_DIR, a stored login
 * (of MEZITE_PROXY when set, else the latest), the admin socket in /var/lib/mezite. No way is tried after another failed.
 */
export function chooseConnection(dataDir: string | undefined): HubConnection {
  const env = process.env
  // Else an unset variable of the shell would lead to whichever hub comes next.
  if (dataDir === '')
    throw new CliError('MEZ_USAGE', '--data-dir is empty', { hint: 'Give it, or leave it out.' })
  if (dataDir) return adminSocket(dataDir, '--data-dir')
  if (env.MEZITE_AUTH_TOKEN) return tokenConnection(env.MEZITE_AUTH_TOKEN)
  if (env.MEZITE_DATA_DIR) return adminSocket(env.MEZITE_DATA_DIR, 'MEZITE_DATA_DIR')
  return storedLogin() ?? adminSocket(DEFAULT_DATA_DIR, 'default data_dir, no stored login')
}

/** Where `login` keeps its credential: MEZCTL_HOME or ~/.mezctl. */
export function loginStore() {
  return createProfileStore(programHome('MEZCTL_HOME', '.mezctl'))
}

function adminSocket(dataDir: string, why: string): HubConnection {
  return socketConnection(join(dataDir, 'admin.sock'), why)
}

function tokenConnection(token: string): HubConnection {
  const proxy = process.env.MEZITE_PROXY
  if (!proxy) {
    throw new CliError('MEZ_USAGE', 'MEZITE_AUTH_TOKEN is set without MEZITE_PROXY', {
      hint: 'Set MEZITE_PROXY to HOST[:PORT] of the hub that gave the token.',
    })
  }
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CliError('MEZ_USAGE', 'MEZITE_AUTH_TOKEN holds no token')
  const caFile = process.env.MEZITE_CA_FILE
  return proxyConnection(parseProxy(proxy), {
    token,
    ca: caFile ? readCaFile(caFile) : null,
    why: 'MEZITE_AUTH_TOKEN',
    renewHint: 'The token in MEZITE_AUTH_TOKEN is not (or no longer) accepted; make another one.',
    trustHint: 'Give its authority: MEZITE_CA_FILE beside MEZITE_AUTH_TOKEN, or NODE_EXTRA_CA_CERTS.',
  })
}

function storedLogin(): HubConnection | null {
  const wanted = process.env.MEZITE_PROXY ? parseProxy(process.env.MEZITE_PROXY).name : undefined
  const profile = loginStore().get(wanted)
  if (profile === null) {
    if (wanted === undefined) return null
    throw new CliError('MEZ_NOT_LOGGED_IN', `not signed in at ${wanted} (MEZITE_PROXY)`, {
      hint: `Run mezctl login --proxy ${wanted}.`,
    })
  }
  const renewHint = `Run mezctl login --proxy ${profile.proxy}.`
  if (!(Date.parse(profile.expires) > Date.now())) {
    throw new CliError('MEZ_LOGIN_EXPIRED', `the login at ${profile.proxy} has expired`, {
      hint: `${renewHint} For the admin socket instead: mezctl logout, or --data-dir DIR.`,
    })
  }
  return proxyConnection(parseProxy(profile.proxy), {
    token: profile.token,
    ca: profile.ca,
    why: `signed in as ${profile.user}`,
    renewHint,
  })
}
