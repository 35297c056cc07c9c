import { CliError, suggest } from './cli-error.ts'
import type { CallOptions, HubClient } from './hub-client.ts'
import { listOrNull } from './name-checks.ts'
import type { Flat, Resource } from './resource.ts'

/** The name or id by which commands address an object. */
export function keyOf(object: Resource & Flat): string {
  const { metadata, hostname, id, client_id, name } = object
  return String(metadata?.name ?? hostname ?? id ?? client_id ?? name ?? '')
}

/** Collections whose members have the names of another one. */
const NAMED_AS: Readonly<Record<string, string>> = { 'app-clients': 'apps' }

/**
 * The error of a call, with the name that was probably meant if it is about one that does not exist: in the path
 * (`/apps/NAME/enable`), or in the query (`?app=NAME`).
 */
export async function withSuggestion(
  client: HubClient,
  path: string,
  { query = {} }: CallOptions,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof CliError) || error.status !== 404) return error
  const [, ...steps] = path.split('/')
  const named: (readonly [collection: string, name: unknown])[] = [
    ['apps', query.app],
    ['users', query.user],
  ]
  for (let at = 0; at + 1 < steps.length; at += 2)
    named.push([NAMED_AS[steps[at]!] ?? steps[at]!, decodeURIComponent(steps[at + 1]!)])
  for (const [collection, name] of named) {
    if (typeof name !== 'string' || name === '') continue
    const meant = await meantIn(client, collection, name)
    if (meant === null) continue
    const { code, message, hint, status, members } = error
    const text = `${message.replace(/([^.?!])$/, '$1.')} Did you mean ${JSON.stringify(meant)}?`
    return new CliError(code as Lowercase<string>, text, { hint, status, members, cause: error })
  }
  return error
}

/** The key of an object with a similar key, or with this name if ids are its keys; null if there is none, or if the key exists. */
async function meantIn(client: HubClient, collection: string, name: string): Promise<string | null> {
  const objects = await listOrNull<Resource & Flat>(client, `/${collection}`)
  const keys = (objects ?? []).map(keyOf)
  if (objects === null || keys.includes(name)) return null
  const namesake = objects.find((object) => object.name === name)
  return namesake === undefined ? suggest(name, keys) : keyOf(namesake)
}
