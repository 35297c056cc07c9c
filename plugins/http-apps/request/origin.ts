import type { App, PublicNames } from '@mezite/core'
import type { AppRequest } from './app-request.ts'

/** The origin of an app as browsers see it. */
export function publicOrigin(host: string, names: PublicNames): string {
  return `https://${host}${names.portSuffix}`
}

/** Whether the app lists the origin, perhaps by a wildcard of its own aliases, which covers one label. */
export function listsOrigin({ origins, aliases }: Pick<App, 'origins' | 'aliases'>, origin: string): boolean {
  if (origins.includes(origin)) return true
  if (aliases === undefined) return false
  const [, host = '', rest = '', port = ''] =
    /^https:\/\/([a-z0-9-]+)(\.[a-z0-9.-]+)(:\d+)?$/.exec(origin) ?? []
  return host !== '' && aliases.includes(`*${rest}`) && origins.includes(`https://*${rest}${port}`)
}

/** Header lines that let pages of the origins that the app lists read a response of the hub; none for other pages. */
export function readableBy({ origin }: AppRequest, app: App | undefined): readonly string[] {
  if (origin === undefined || app === undefined || !listsOrigin(app, origin)) return []
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Allow-Credentials', 'true']
}
