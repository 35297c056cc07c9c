import { createHash } from 'node:crypto'
import type { OperationRefusal, ReadableRequest, RefusedOperation } from '@mezite/core/types'
import type * as Language from 'graphql/language'
import { bodyOf, headerOf, isMembers, jsonBodyOf, type Members, Unreadable } from './json-body.ts'
import { found } from './json-rpc.ts'
import type { Found } from './read-request.ts'
import { JsonFault, readStrictJson } from './strict-json.ts'

/** One request of GraphQL over HTTP. */
interface Call {
  readonly query: string
  /** Null: the document has one operation. */
  readonly operationName: string | null
  readonly variables: Members
}

type Parser = Pick<typeof Language, 'parse'>

const MOST_CALLS = 100
const MOST_FIELDS = 100
/** Of all documents of a request together. The parser's limit counts neither comments nor the length of texts. */
const MOST_CHARACTERS = 64 * 1024
const MOST_TOKENS = 5_000
const DEEPEST = 64
/** Other members could name a stored document, which some servers run instead of the one that is sent. */
const MEMBERS = new Set(['query', 'operationName', 'variables', 'extensions'])
const EXTENSIONS = new Set(['persistedQuery', 'clientLibrary'])
const GRAPHQL_TYPE = /^application\/graphql[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i
/** Line ends and spaces that servers do not agree about: a comment could end there. */
const UNCLEAR = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]|\r(?!\n)/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Makes the reader of GraphQL: an operation is its kind and a field at its root, such as `mutation:createIssue`. */
export const createGraphqlReader =
  ({ parse }: Parser) =>
  (request: ReadableRequest): Found => {
    let batch = 0
    return found(
      () => {
        const { calls, isBatch } = callsOf(request)
        if (isBatch) batch = calls.length
        return operationsOf(calls, request.method, parse)
      },
      (problem, fault) => refusalOf(problem, fault, { batch, request }),
    )
  }

function callsOf(request: ReadableRequest): { readonly calls: readonly Call[]; readonly isBatch: boolean } {
  const { method, target, headers, body } = request
  const at = target.indexOf('?')
  if (method === 'GET') {
    if (body === null || body.length > 0) throw new Unreadable('A GET has no body.')
    return { calls: [callOf(parametersOf(at < 0 ? '' : target.slice(at + 1)))], isBatch: false }
  }
  if (method !== 'POST') throw new Unreadable('A request of GraphQL is a POST or a GET.')
  // Servers do not agree whether the address or the body counts.
  if (at >= 0) throw new Unreadable('A POST has no query in its address.')
  if (GRAPHQL_TYPE.test(headerOf(headers, 'content-type') ?? ''))
    return { calls: [callOf({ query: textOf(bodyOf(request)) })], isBatch: false }
  const document = jsonBodyOf(request)
  if (!Array.isArray(document)) return { calls: [callOf(document)], isBatch: false }
  if (document.length === 0) throw new Unreadable('The batch is empty.')
  if (document.length > MOST_CALLS) throw new Unreadable(`A batch has at most ${MOST_CALLS} requests.`)
  return { calls: (document as unknown[]).map(callOf), isBatch: true }
}

function textOf(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch {
    throw new Unreadable('The body is not UTF-8.')
  }
}

/** The parameters of a GET, of which two are JSON. */
function parametersOf(query: string): Members {
  if (query.includes(';')) throw new Unreadable('The address has a semicolon.')
  const given = new Map<string, unknown>()
  for (const pair of query.split('&')) {
    const [name = '', ...value] = pair.split('=')
    if (!MEMBERS.has(name) || given.has(name))
      throw new Unreadable('The address has a parameter that GraphQL does not know, or one twice.')
    const text = decoded(value.join('='))
    given.set(name, name === 'variables' || name === 'extensions' ? jsonOf(text) : text)
  }
  return Object.fromEntries(given)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new Unreadable('The address is not valid percent-encoding of UTF-8.')
  }
}

function jsonOf(text: string): unknown {
  try {
    return readStrictJson(Buffer.from(text))
  } catch (error) {
    if (error instanceof JsonFault)
      throw new Unreadable('A parameter of the address is not one JSON document.')
    throw error
  }
}

function callOf(value: unknown): Call {
  if (!isMembers(value)) throw new Unreadable('The body is not a request of GraphQL.')
  if (Object.keys(value).some((name) => !MEMBERS.has(name)))
    throw new Unreadable('The request has a member that GraphQL does not know.')
  const { query, operationName, variables, extensions } = value
  if (typeof query !== 'string' || query === '')
    throw new Unreadable('The request has no document. Stored documents cannot be read.')
  if (operationName != null && (typeof operationName !== 'string' || operationName === ''))
    throw new Unreadable('The operationName is not valid.')
  if (variables != null && !isMembers(variables)) throw new Unreadable('The variables are not valid.')
  if (extensions != null) checkExtensions(extensions, query)
  return { query, operationName: operationName ?? null, variables: variables ?? {} }
}

/** A hash must be that of the document: some servers run what they have stored under it. */
function checkExtensions(extensions: unknown, query: string): void {
  if (!isMembers(extensions) || Object.keys(extensions).some((name) => !EXTENSIONS.has(name)))
    throw new Unreadable('The request has an extension that the hub does not know.')
  const { persistedQuery: stored } = extensions
  if (stored == null) return
  const hash = createHash('sha256').update(query).digest('hex')
  if (
    !isMembers(stored) ||
    stored.version !== 1 ||
    stored.sha256Hash !== hash ||
    Object.keys(stored).length > 2
  )
    throw new Unreadable('The hash of the document is not valid.')
}

function operationsOf(calls: readonly Call[], method: string, parse: Parser['parse']) {
  const names = new Set<string>()
  const given: Members[] = []
  let left = MOST_CHARACTERS
  let tokens = MOST_TOKENS
  for (const { query, operationName, variables } of calls) {
    left -= query.length
    if (left < 0) throw new Unreadable(`Documents have at most ${MOST_CHARACTERS} characters.`)
    checkText(query)
    const document = documentOf(query, tokens, parse)
    tokens -= document.tokenCount ?? MOST_TOKENS
    const { operation, fields } = rootOf(document, operationName)
    if (method === 'GET' && operation === 'mutation') throw new Unreadable('A mutation is a POST.')
    if (fields.length === 0) throw new Unreadable('The operation has no field.')
    for (const field of fields) {
      names.add(`${operation}:${field.name.value}`)
      given.push(argumentsOf(field, variables))
    }
    if (given.length > MOST_FIELDS)
      throw new Unreadable(`Operations have at most ${MOST_FIELDS} fields at their roots.`)
  }
  return { names: [...names], given }
}

/** Throws for what servers read differently, and for nesting that would exhaust a parser. */
function checkText(text: string): void {
  if (!text.isWellFormed() || UNCLEAR.test(text))
    throw new Unreadable('The document has a character that servers read differently.')
  // Older servers read three quotes as an empty text and the begin of another one.
  if (text.includes('"""'))
    throw new Unreadable('A block string cannot be read: send the text as a variable.')
  let depth = 0
  // A text that never ends matches too: otherwise the search would begin again at each quote of it.
  for (const [piece] of text.matchAll(/#[^\r\n]*|"(?:\\.|[^"\\\r\n])*"?|[{}[\]()]/g)) {
    if (piece === '{' || piece === '[' || piece === '(') depth += 1
    else if (piece === '}' || piece === ']' || piece === ')') depth -= 1
    if (depth > DEEPEST) throw new Unreadable(`The document has more than ${DEEPEST} levels.`)
  }
}

function documentOf(text: string, maxTokens: number, parse: Parser['parse']): Language.DocumentNode {
  try {
    return parse(text, { maxTokens: Math.max(maxTokens, 1), noLocation: true })
  } catch {
    throw new Unreadable(`The document is not one of GraphQL with at most ${MOST_TOKENS} tokens.`)
  }
}

/** The operation that runs, with the fields at its root. */
function rootOf({ definitions }: Language.DocumentNode, operationName: string | null) {
  const fragments = new Map<string, Language.FragmentDefinitionNode>()
  const operations = new Map<string | null, Language.OperationDefinitionNode>()
  for (const one of definitions) {
    if (one.kind === 'FragmentDefinition') {
      if (fragments.has(one.name.value)) throw new Unreadable('Two fragments have one name.')
      fragments.set(one.name.value, one)
    } else if (one.kind === 'OperationDefinition') {
      const name = one.name?.value ?? null
      if (operations.has(name)) throw new Unreadable('Two operations have one name.')
      operations.set(name, one)
    } else throw new Unreadable('The document defines types.')
  }
  if (operations.has(null) && operations.size > 1)
    throw new Unreadable('An operation without a name stands alone.')
  const [only] = operations.values()
  if (operationName === null && operations.size !== 1)
    throw new Unreadable('The document does not have one operation, and no operationName selects one.')
  const root = operationName === null ? only : operations.get(operationName)
  if (root === undefined) throw new Unreadable('No operation has the operationName.')
  return { operation: root.operation as string, fields: fieldsOf(root.selectionSet, fragments) }
}

/** Fields of fragments are those of the root; what directives leave out counts too. */
function fieldsOf(
  root: Language.SelectionSetNode,
  fragments: ReadonlyMap<string, Language.FragmentDefinitionNode>,
): readonly Language.FieldNode[] {
  const fields: Language.FieldNode[] = []
  const done = new Set<string>()
  const open = new Set<string>()
  const collect = ({ selections }: Language.SelectionSetNode): void => {
    for (const one of selections) {
      if (one.kind === 'Field') fields.push(one)
      else if (one.kind === 'InlineFragment') collect(one.selectionSet)
      else {
        const name = one.name.value
        if (open.has(name)) throw new Unreadable('A fragment contains itself.')
        if (done.has(name)) continue
        const fragment = fragments.get(name)
        if (fragment === undefined) throw new Unreadable('The document has no such fragment.')
        if (open.size === DEEPEST) throw new Unreadable('Fragments are nested too deep.')
        open.add(name)
        collect(fragment.selectionSet)
        open.delete(name)
        done.add(name)
      }
    }
  }
  collect(root)
  return fields
}

const argumentsOf = ({ arguments: all = [] }: Language.FieldNode, variables: Members): Members =>
  Object.fromEntries(all.map(({ name, value }) => [name.value, recordedValue(value, variables)]))

/** A value for records, with those of variables. */
function recordedValue(node: Language.ValueNode, variables: Members): unknown {
  switch (node.kind) {
    case 'Variable':
      return Object.hasOwn(variables, node.name.value) ? variables[node.name.value] : null
    case 'ListValue':
      return node.values.map((one) => recordedValue(one, variables))
    case 'ObjectValue':
      return Object.fromEntries(
        node.fields.map(({ name, value }) => [name.value, recordedValue(value, variables)]),
      )
    case 'IntValue':
    case 'FloatValue':
      return Number(node.value)
    case 'NullValue':
      return null
    default:
      return node.value
  }
}

/** `errors`, as clients of GraphQL show them if the status is 200; as an event for a subscription. */
function refusalOf(
  { status, code, message, requestId, members }: RefusedOperation,
  fault: string | null,
  { batch, request }: { readonly batch: number; readonly request: ReadableRequest },
): OperationRefusal {
  const extensions = {
    ...members,
    code: fault === null ? 'FORBIDDEN' : 'BAD_REQUEST',
    reason: code,
    request_id: requestId,
  }
  const result = { errors: [{ message: fault ?? message, extensions }] }
  const isStream = acceptOf(request.headers).includes('text/event-stream')
  if (isStream && fault === null && batch === 0)
    return {
      status: 200,
      contentType: 'text/event-stream',
      body: `event: next\ndata: ${JSON.stringify(result)}\n\nevent: complete\ndata:\n\n`,
    }
  const document = batch > 0 && fault === null ? Array.from({ length: batch }, () => result) : result
  return {
    status: fault === null ? 200 : status,
    contentType: 'application/json',
    body: JSON.stringify(document),
  }
}

const acceptOf = (headers: ReadableRequest['headers']): string =>
  headers
    .filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'accept')
    .join()
    .toLowerCase()
