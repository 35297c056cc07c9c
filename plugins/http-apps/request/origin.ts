import type { App, PublicNames } from '@mezite/core'
import type { AppRequest } from './app-request.ts'

/** The origin of an app as browsers see it. */
export function publicOrigin(host: string, names: PublicNames): string {
  return `https://${host}${names.portSuffix}`
}

/** Header lines that let pages of the origins that the app lists read a response of the hub; none for other pages. */
export function readableBy({ origin }: AppRequest, app: App | undefined): readonly string[] {
  if (origin === undefined || !app?.origins.includes(origin)) return []
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Allow-Credentials', 'true']
}
