import type { IncomingHttpHeaders } from 'node:http'

export type Members = Readonly<Record<string, unknown>>

/** The first revision without `initialize`, in which headers repeat what the body says. */
export const STATELESS = '2026-07-28'
const OLDER = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
/** The revisions that are spoken, the newest first. */
export const REVISIONS: readonly string[] = [STATELESS, ...OLDER]
/** What a client without a header speaks. */
const UNNAMED = '2025-03-26'
const REVISION_NAME = 'io.modelcontextprotocol/protocolVersion'

const INVALID_REQUEST = -32_600
const INVALID_PARAMS = -32_602
const HEADER_MISMATCH = -32_020
const REVISION_UNKNOWN = -32_022

/** Why a message gets no result: the error of JSON-RPC, and the status of HTTP with it. */
export class Fault extends Error {
  readonly code: number
  readonly status: number
  readonly data: Members | undefined

  constructor(
    code: number,
    message: string,
    { status = 400, data }: { status?: number; data?: Members } = {},
  ) {
    super(message)
    this.code = code
    this.status = status
    this.data = data
  }
}

/** A message of a client. */
export interface Message {
  /** Null: it is a notification. */
  readonly id: string | number | null
  readonly method: string
  readonly params: Members
  readonly revision: string
}

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params'])
const METHOD = /^[\x21-\x7e]{1,256}$/
const LONGEST_ID = 256

/** The id that an error names, also of a message that is not valid. */
export function idOf(document: unknown): string | number | null {
  const id = isMembers(document) ? document.id : null
  return (typeof id === 'string' && id.length <= LONGEST_ID) || Number.isSafeInteger(id)
    ? (id as string | number)
    : null
}

/** Reads a message, whose headers must agree with it. Throws `Fault`. */
export function readMessage(document: unknown, headers: IncomingHttpHeaders): Message {
  if (Array.isArray(document)) throw new Fault(INVALID_REQUEST, 'Send one message at a time, not a batch.')
  if (!isMembers(document) || document.jsonrpc !== '2.0')
    throw new Fault(INVALID_REQUEST, 'The body is not a message of JSON-RPC 2.0.')
  const { id, method, params = {} } = document
  if (typeof method !== 'string' || !METHOD.test(method))
    throw new Fault(INVALID_REQUEST, 'The message is neither a request nor a notification.')
  if (Object.keys(document).some((name) => !MEMBERS.has(name)))
    throw new Fault(INVALID_REQUEST, 'The message has a member that a request does not have.')
  if (id !== undefined && idOf(document) === null)
    throw new Fault(INVALID_REQUEST, 'The id is neither a short text nor a whole number.')
  if (!isMembers(params)) throw new Fault(INVALID_PARAMS, 'The params are not an object.')
  const message = { id: id === undefined ? null : idOf(document), method, params }
  return { ...message, revision: revisionOf(message, headers) }
}

function revisionOf({ id, method, params }: Omit<Message, 'revision'>, headers: IncomingHttpHeaders): string {
  const inBody = isMembers(params._meta) ? params._meta[REVISION_NAME] : undefined
  if (inBody !== undefined && typeof inBody !== 'string')
    throw new Fault(INVALID_PARAMS, 'The body names no valid revision of MCP.')
  const inHeader = textOf(headers, 'mcp-protocol-version')
  const revision = inBody ?? inHeader ?? UNNAMED
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader)
    throw differs('mcp-protocol-version')
  if (!REVISIONS.includes(revision))
    throw new Fault(REVISION_UNKNOWN, 'The hub does not speak this revision of MCP.', {
      data: { supported: REVISIONS, requested: revision.slice(0, 64) },
    })
  // Older clients send these headers by mistake at most, and a proxy may have decided by them.
  const isRequired = revision === STATELESS && id !== null
  if (isRequired && inBody === undefined)
    throw new Fault(INVALID_PARAMS, `The body names no revision: params._meta["${REVISION_NAME}"].`)
  if (isRequired && inHeader === undefined) throw differs('mcp-protocol-version')
  compare(headers, 'mcp-method', method, isRequired)
  compare(headers, 'mcp-name', params.name, isRequired && method === 'tools/call')
  return revision
}

function compare(headers: IncomingHttpHeaders, name: string, value: unknown, isRequired: boolean): void {
  const header = textOf(headers, name)
  if (header === undefined && !isRequired) return
  const plain = String(value)
  const encoded = `=?base64?${Buffer.from(plain, 'utf8').toString('base64')}?=`
  if (typeof value !== 'string' || (header !== plain && header !== encoded)) throw differs(name)
}

const differs = (name: string) =>
  new Fault(HEADER_MISMATCH, `The header ${name} is missing or differs from the body.`)

/** Of several headers with this name: all of them, which agree with no body. */
const textOf = (headers: IncomingHttpHeaders, name: string): string | undefined => headers[name]?.toString()
