import { type HubClient, withProgress } from '@mezite/cli-shared'

/** An app that the person may reach, as `msh app ls` prints it. */
export interface ListedApp {
  readonly name: string
  readonly protocol: string
  readonly public_addr: string | null
  readonly labels: Readonly<Record<string, unknown>>
}

/** Exactly the apps that the person may reach now. */
export async function listApps(client: HubClient): Promise<readonly ListedApp[]> {
  const answer = await withProgress('Asking the hub', client.call('GET', '/me/apps'))
  return Array.isArray(answer) ? (answer as ListedApp[]) : []
}
