import { type HubResponse, ownLines } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import type { AppRequest } from '../request/app-request.ts'
import { publicOrigin } from '../request/origin.ts'

/**
 * The document with which an entry of `credentials` tells programs how to get a credential, if the request is for its
 * path. Null: the request is for the app. Anybody may read it, from any page.
 */
export function documentFor(deps: Deps, request: AppRequest): HubResponse | null {
  if (!request.target.startsWith('/.well-known/')) return null
  if (request.method !== 'GET' && request.method !== 'HEAD') return null
  const path = request.target.split('?', 1)[0] ?? ''
  const origin = publicOrigin(request.host.host, deps.publicNames)
  const content = deps.access.callers.documentAt(path)?.of(origin, request.app) ?? null
  if (content === null) return null
  const lines = [...ownLines, 'Content-Type', 'application/json', 'Access-Control-Allow-Origin', '*']
  return { kind: 'response', status: 200, lines, body: JSON.stringify(content) }
}
