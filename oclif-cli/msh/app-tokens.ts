import { join } from 'node:path'
import {
  type HubClient,
  makePrivateFolder,
  readPrivateFile,
  withProgress,
  writePrivateFile,
} from '@mezite/cli'
import { type Identity, mshHome, mshSecrets } from '@mezite/cli/identity'
import { appAt, listApps } from './app-lookup.ts'
import { withAddress } from './confirmation.ts'

/** A clone or a log that is followed ends with its token, so that it lasts as long as the hub allows. */
const TTL_SECONDS = 3_600
/** Programs that ask again within this time get the same token. One that was revoked is given no longer than this. */
const REUSED_MS = 5 * 60_000

/** A token that opens one app. */
export interface AppToken {
  readonly token: string
  /** RFC 3339. */
  readonly expires: string
  /** `host` or `host:port` of the app. */
  readonly host: string
}

interface Stored extends AppToken {
  /** The store of the system has the token, which is empty here. */
  readonly kept?: boolean
  readonly proxy: string
  readonly session: string | null
  readonly app: string
  /** Given again until then, in milliseconds since the epoch. */
  readonly reused_until: number
}

/**
 * Tokens of this login for programs that ask often: each is kept in `<dir>/tokens.json`, or in the store of the system under the host of its
 * app, and given again for five minutes. Every method throws `CliError`.
 */
export interface AppTokens {
  of(app: string): Promise<AppToken>
  /** For the app at `host[:port]`; null if the user may open none there. */
  at(host: string): Promise<AppToken | null>
  /** Drops the token for this host, which somebody refused. */
  forget(host: string): void
  /** Hosts for which there are tokens now. */
  hosts(): readonly string[]
}

export function createAppTokens(
  identity: Pick<Identity, 'proxy' | 'sessionId'>,
  client: HubClient,
  dir: string = mshHome(),
  secrets: ReturnType<typeof mshSecrets> = mshSecrets(),
): AppTokens {
  const {
    proxy: { name: proxy },
    sessionId: session,
  } = identity
  const file = join(dir, 'tokens.json')

  /** A damaged file counts as empty. */
  function stored(): readonly Stored[] {
    const text = readPrivateFile(file)
    try {
      const all: unknown = JSON.parse(text ?? '[]')
      return Array.isArray(all) ? all : []
    } catch {
      return []
    }
  }
  /** What is stored and still valid: a former login at this hub has ended, and its tokens with it. */
  const load = () =>
    stored().filter(
      (one) => (one.proxy !== proxy || one.session === session) && Date.parse(one.expires) > Date.now(),
    )
  /** Under which the store of the system has a token, beside the logins. */
  const accountOf = ({ host }: Pick<Stored, 'host'>) => `token:${host}`
  /** With its token; undefined if the store of the system does not return it. */
  function complete(one: Stored | undefined): Stored | undefined {
    if (one?.kept !== true) return one
    const token = secrets?.get(accountOf(one)) ?? null
    return token === null ? undefined : { ...one, token }
  }
  function save(all: readonly Stored[]): void {
    for (const one of stored())
      if (one.kept === true && !all.some(({ host }) => host === one.host)) secrets?.remove(accountOf(one))
    makePrivateFolder(dir)
    writePrivateFile(file, `${JSON.stringify(all, null, 2)}\n`)
  }
  const mine = () => load().filter((one) => one.proxy === proxy)
  const fresh = (one: Stored) => one.reused_until > Date.now()

  async function issue(app: string): Promise<AppToken> {
    const body = { app, ttl_seconds: TTL_SECONDS }
    const answer = await withProgress('Asking the hub', client.call('POST', '/me/tokens', { body })).catch(
      (error: unknown) => {
        throw withAddress(error, app, identity)
      },
    )
    const { access_token: token, expires, resource } = answer as Readonly<Record<string, string>>
    const issued = { token: String(token), expires: String(expires), host: new URL(String(resource)).host }
    const others = load().filter((one) => one.proxy !== proxy || one.app !== app)
    const left = Date.parse(issued.expires) - Date.now()
    const reused_until = Date.now() + Math.min(REUSED_MS, left / 4)
    const kept = secrets?.put(accountOf(issued), issued.token) === true
    save([...others, { ...issued, ...(kept && { token: '', kept }), proxy, session, app, reused_until }])
    return issued
  }

  return {
    of: async (app) => complete(mine().find((one) => one.app === app && fresh(one))) ?? issue(app),
    async at(host) {
      const known = complete(mine().find((one) => one.host === host && fresh(one)))
      if (known) return known
      const app = appAt(await listApps(client), host)
      return app === undefined ? null : issue(app.name)
    },
    forget(host) {
      const all = load()
      const others = all.filter((one) => one.proxy !== proxy || one.host !== host)
      if (others.length < all.length) save(others)
    },
    hosts: () => mine().map(({ host }) => host),
  }
}
