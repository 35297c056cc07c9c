import { CliError, type HubClient } from '@mezite/cli-shared'
import { listApps } from './app-list.ts'
import type { HubLine } from './hub-connection.ts'
import type { AppProtocol } from './hub-stream.ts'
import { Refusal } from './refusal.ts'

export interface FoundApp {
  readonly app: string
  readonly protocol: AppProtocol
  /** Empty for a TCP app. */
  readonly publicHost: string
}

/**
 * Whether an app is open to this person and what it speaks, without a connection to it: the hub is asked as for an
 * HTTP app, which dials nothing before the first request, and for a TCP app that could be opened says
 * `protocol_mismatch`. Throws `CliError` with the reason in plain words.
 */
export async function findApp(options: {
  readonly app: string
  readonly client: HubClient | null
  readonly line: Pick<HubLine, 'open'>
}): Promise<FoundApp> {
  const { app, client, line } = options
  try {
    const { pipe, publicHost } = await line.open(app, 'http')
    pipe.destroy()
    return { app, protocol: 'http', publicHost: publicHost ?? (await listedHost(app, client)) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.reason === 'protocol_mismatch') return { app, protocol: 'tcp', publicHost: '' }
    throw error.toCliError(nextStep(error))
  }
}

async function listedHost(app: string, client: HubClient | null): Promise<string> {
  const listed = client === null ? [] : await listApps(client)
  const host = listed.find(({ name }) => name === app)?.public_addr
  if (host) return `${host}${portSuffix(client!)}`
  throw new CliError('MEZ_HUB_UNEXPECTED', `the hub does not say under which address ${app} is known`)
}

/** Apps are at the port of the hub. */
function portSuffix({ connection }: HubClient): string {
  const { port } = connection.request
  return port === undefined || Number(port) === 443 ? '' : `:${port}`
}

function nextStep({ reason }: Refusal): string {
  if (reason === 'app_unknown' || reason === 'role_missing') return 'See what you may reach with msh app ls.'
  return ''
}
