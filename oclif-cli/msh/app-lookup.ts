import { CliError, type HubClient, withProgress } from '@mezite/cli'
import type { HubConnection } from './hub-connection.ts'
import type { AppProtocol } from './hub-stream.ts'
import { Refusal } from './refusal.ts'

/** An app that the user may reach, as `msh app ls` prints it. */
export interface ListedApp {
  readonly name: string
  readonly protocol: string
  readonly public_addr: string | null
  /** Where a browser opens the app; null if it cannot, and missing from older hubs. */
  readonly url?: string | null
  readonly labels: Readonly<Record<string, unknown>>
  readonly state?: string
}

/** The apps that the user may reach now. */
export async function listApps(client: HubClient): Promise<readonly ListedApp[]> {
  const apps = await withProgress('Asking the hub', client.call('GET', '/me/apps'))
  return Array.isArray(apps) ? (apps as ListedApp[]) : []
}

/** The error for a text that leads to none of the user's apps. `what` says what it should be: `the URL of an app`. */
export const noSuchApp = (given: string, what: string): CliError =>
  new CliError('MEZ_USAGE_WRONG', `${JSON.stringify(given)} is not ${what} that you may open`, {
    hint: 'msh app ls lists them.',
  })

/** The HTTP app at `host[:port]`; without a port, that of https. */
export function appAt(apps: readonly ListedApp[], host: string): ListedApp | undefined {
  const wanted = URL.parse(`https://${host}`)?.host
  return apps.find(({ url }) => wanted !== undefined && url && URL.parse(url)?.host === wanted)
}

export interface FoundApp {
  readonly app: string
  readonly protocol: AppProtocol
  /** Empty for a TCP app. */
  readonly publicHost: string
}

/**
 * Checks access to an app and finds its protocol, without connecting to the app: it requests an HTTP app, for which the
 * hub dials nothing before the first request; for a TCP app that the user may open the hub responds
 * `protocol_mismatch`. Throws `Refusal`.
 */
export async function findApp(options: {
  readonly app: string
  readonly client: HubClient | null
  readonly hub: Pick<HubConnection, 'open'>
}): Promise<FoundApp> {
  const { app, client, hub } = options
  try {
    const { pipe, publicHost } = await hub.open(app, 'http')
    pipe.destroy()
    return { app, protocol: 'http', publicHost: publicHost ?? (await listedHost(app, client)) }
  } catch (error) {
    if (error instanceof Refusal && error.reason === 'protocol_mismatch')
      return { app, protocol: 'tcp', publicHost: '' }
    throw error
  }
}

async function listedHost(app: string, client: HubClient | null): Promise<string> {
  const listed = client === null ? [] : await listApps(client)
  const host = listed.find(({ name }) => name === app)?.public_addr
  if (host) return `${host}${portSuffix(client!)}`
  throw new CliError('MEZ_HUB_UNEXPECTED', `the hub does not report the public address of ${app}`)
}

/** Apps are on the port of the hub. */
function portSuffix({ endpoint }: HubClient): string {
  const { port } = endpoint.request
  return port === undefined || Number(port) === 443 ? '' : `:${port}`
}
