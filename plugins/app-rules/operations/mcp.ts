import type { ReadableRequest } from '@mezite/core/types'
import { headerOf, isMembers, isName, jsonBodyOf, type Members, Unreadable } from './json-body.ts'
import { found, type Message, messagesOf, refusalOf } from './json-rpc.ts'
import { folded } from './operation-rule.ts'
import type { Found } from './read-request.ts'
import { filterLists } from './tool-lists.ts'

/** From this revision on, headers repeat what the body says. */
const WITH_HEADERS = '2026-07-28'
const REVISION = /^\d{4}-\d{2}-\d{2}$/
const REVISION_NAME = 'io.modelcontextprotocol/protocolVersion'

/** The member of `params` that names what a method is about. */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'resources/subscribe': 'uri',
  'resources/unsubscribe': 'uri',
}
const memberOf = (method: string): string | undefined =>
  NAMED[method] ?? (method.startsWith('tasks/') && method !== 'tasks/list' ? 'taskId' : undefined)
/** Some servers do not look at capitals. */
const SIMILAR = new Set(['name', 'uri', 'taskid', 'arguments', '_meta'])
const EXACT = new Set(['name', 'uri', 'taskId', 'arguments', '_meta'])

/**
 * Reads a request of the Model Context Protocol in the revisions from 2024-11-05 to 2026-07-28. The body decides; headers must agree with it. A GET
 * opens a stream and a DELETE ends a session: they carry no operation, and are the operations `GET` and `DELETE`.
 */
export function readMcp(request: ReadableRequest): Found {
  const { method, body, headers } = request
  let batch = false
  let messages: readonly Message[] = []
  const result = found(
    () => {
      if (method === 'GET' || method === 'DELETE') {
        // One that is too long was not read.
        if (body === null || body.length > 0) throw new Unreadable(`A ${method} has no body.`)
        return { names: [method], given: [{}] }
      }
      if (method !== 'POST') throw new Unreadable('A message is sent by POST.')
      const document = jsonBodyOf(request)
      batch = Array.isArray(document)
      messages = messagesOf(document)
      const names = messages.map(operationOf)
      compareHeaders(headers, messages, batch)
      return { names, given: messages.map(argumentsOf) }
    },
    (problem, fault) => refusalOf(problem, fault, { messages, batch }),
  )
  return { ...result, filter: filterLists }
}

function operationOf({ method, params }: Message): string {
  if (method === null) return 'response'
  if (method.includes(':')) throw new Unreadable('The method of a message is not one of MCP.')
  const given = params ?? {}
  if (!isMembers(given)) throw new Unreadable('The params of a message are not valid.')
  if (Object.keys(given).some((name) => !EXACT.has(name) && SIMILAR.has(folded(name))))
    throw new Unreadable('The params have a name in another spelling.')
  const member = memberOf(method)
  if (member === undefined && memberOf(folded(method)) !== undefined)
    throw new Unreadable('The method of a message is in another spelling.')
  if (member === undefined) return method
  const name = given[member]
  if (!isName(name)) throw new Unreadable(`The params of ${method} have no valid "${member}".`)
  return `${method}:${name}`
}

const argumentsOf = ({ params }: Message): Members =>
  isMembers(params) && isMembers(params.arguments) ? params.arguments : {}

/** Throws `Unreadable` if the headers say anything else than the body, or nothing where they must. */
function compareHeaders(
  headers: ReadableRequest['headers'],
  messages: readonly Message[],
  batch: boolean,
): void {
  const version = headerOf(headers, 'mcp-protocol-version')
  const method = headerOf(headers, 'mcp-method')
  const name = headerOf(headers, 'mcp-name')
  if (version !== undefined && !REVISION.test(version))
    throw new Unreadable('The header mcp-protocol-version is not a revision.')
  const revisions = messages.flatMap(revisionOf)
  if (version !== undefined) revisions.push(version)
  const hasHeaders = revisions.some((one) => one >= WITH_HEADERS)
  if (new Set(revisions).size > 1)
    throw new Unreadable('The header mcp-protocol-version differs from the body.')
  if (batch) {
    if (method !== undefined || name !== undefined || hasHeaders)
      throw new Unreadable('A batch belongs to an older revision of MCP.')
    return
  }
  const [message] = messages as [Message]
  const isRequest = message.method !== null && message.id !== undefined
  if (method === undefined ? hasHeaders && isRequest : decoded(method) !== message.method)
    throw new Unreadable('The header mcp-method differs from the body.')
  const given = isMembers(message.params) ? message.params : {}
  const member = message.method === null ? undefined : memberOf(message.method)
  const own = member === undefined ? [given.name, given.uri, given.taskId] : [given[member]]
  const required = hasHeaders && isRequest && member !== undefined && !message.method?.includes('subscribe')
  if (name === undefined ? required : !own.includes(decoded(name)))
    throw new Unreadable('The header mcp-name differs from the body.')
}

function revisionOf({ params }: Message): string[] {
  const meta = isMembers(params) && isMembers(params._meta) ? params._meta : {}
  const revision = meta[REVISION_NAME]
  if (revision === undefined) return []
  if (typeof revision !== 'string' || !REVISION.test(revision))
    throw new Unreadable('The body names no valid revision of MCP.')
  return [revision]
}

const ENCODED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/

/** A header value, which may be Base64 of UTF-8. */
function decoded(value: string): string {
  const base64 = ENCODED.exec(value)?.[1]
  if (base64 === undefined) return value
  const bytes = Buffer.from(base64, 'base64')
  const text = bytes.toString('utf8')
  if (bytes.toString('base64') !== base64 || !Buffer.from(text, 'utf8').equals(bytes))
    throw new Unreadable('A header is not valid Base64 of UTF-8.')
  return text
}
