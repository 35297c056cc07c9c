import type { OperationRefusal, ReadableRequest, RefusedOperation } from '@mezite/core/types'
import { isMembers, jsonBodyOf, type Members, Unreadable } from './json-body.ts'
import type { Found } from './read-request.ts'

/** A message of JSON-RPC 2.0. */
export interface Message {
  /** Null: it is a response. */
  readonly method: string | null
  /** Undefined: it is a notification. */
  readonly id: string | number | null | undefined
  readonly params: unknown
}

const MOST_MESSAGES = 100
const METHOD = /^[\x21-\x7e]{1,256}$/
/** Some servers do not look at capitals, so other names could stand for these. */
const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

/** Throws `Unreadable`. */
export function messagesOf(document: unknown): readonly Message[] {
  const all = Array.isArray(document) ? (document as unknown[]) : [document]
  if (all.length === 0) throw new Unreadable('The batch is empty.')
  if (all.length > MOST_MESSAGES) throw new Unreadable(`A batch has at most ${MOST_MESSAGES} messages.`)
  return all.map(messageOf)
}

function messageOf(value: unknown): Message {
  if (!isMembers(value) || value.jsonrpc !== '2.0')
    throw new Unreadable('The body is not a message of JSON-RPC 2.0.')
  if (Object.keys(value).some((name) => !MEMBERS.has(name)))
    throw new Unreadable('A message has a member that JSON-RPC does not know.')
  const { id, method, params } = value
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number')
    throw new Unreadable('The id of a message is not valid.')
  const isResponse = Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error')
  if (isResponse === Object.hasOwn(value, 'method') || (isResponse && Object.hasOwn(value, 'params')))
    throw new Unreadable('A message is neither a request nor a response.')
  if (isResponse) return { method: null, id: undefined, params: undefined }
  if (typeof method !== 'string' || !METHOD.test(method))
    throw new Unreadable('The method of a message is not valid.')
  if (params !== undefined && !isMembers(params) && !Array.isArray(params))
    throw new Unreadable('The params of a message are not valid.')
  return { method, id, params }
}

/** Reads JSON-RPC: an operation is a method. */
export function readJsonRpc(request: ReadableRequest): Found {
  let batch = false
  let messages: readonly Message[] = []
  return found(
    () => {
      if (request.method !== 'POST') throw new Unreadable('A call is a POST.')
      const document = jsonBodyOf(request)
      batch = Array.isArray(document)
      messages = messagesOf(document)
      if (messages.some(({ method }) => method === null)) throw new Unreadable('A client sends no responses.')
      return {
        names: messages.map(({ method }) => method as string),
        given: messages.map(({ params }) => (isMembers(params) ? params : {})),
      }
    },
    (problem, fault) => refusalOf(problem, fault, { messages, batch }),
  )
}

/** What `read` finds, or why it finds nothing. */
export function found(
  read: () => { readonly names: readonly string[]; readonly given: readonly Members[] },
  refuse: Found['refuse'],
): Found {
  try {
    const { names, given } = read()
    return { names, fault: null, arguments: given, refuse }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return { names: [], fault: error.message, arguments: [], refuse }
  }
}

/** Both generations of MCP clients show the `data` of an error only if the status is 200. */
const DENIED = -32_003
const INVALID = -32_600

/** The error of JSON-RPC for each of the requests. */
export function refusalOf(
  { status, code, message, requestId, members }: RefusedOperation,
  fault: string | null,
  { messages, batch }: { readonly messages: readonly Message[]; readonly batch: boolean },
): OperationRefusal {
  const error = {
    code: fault === null ? DENIED : INVALID,
    message: fault ?? message,
    data: { reason: code, request_id: requestId, ...members },
  }
  const ids = messages.flatMap(({ method, id }) => (method === null || id === undefined ? [] : [id]))
  const answers = ids.map((id) => ({ jsonrpc: '2.0', id, error }))
  const document = answers.length === 0 ? { jsonrpc: '2.0', id: null, error } : batch ? answers : answers[0]
  return {
    status: fault === null && ids.length > 0 ? 200 : status,
    contentType: 'application/json',
    body: JSON.stringify(document),
  }
}
