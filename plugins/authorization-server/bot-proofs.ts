import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { Problem } from '@mezite/core'
import type { BotProof } from '@mezite/core/identity'
import { problemFor } from './reasons.ts'

/** Names of bots as clients begin with this, as their user names do. */
export const BOT = 'bot:'
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const ID_TOKENS = ['urn:ietf:params:oauth:token-type:id_token', 'urn:ietf:params:oauth:token-type:jwt']
/** As much as the library reads. */
const LONGEST_BODY = 56 * 1_024

/** The bot that a token request names, and what it presents. */
export interface PresentedBot {
  /** `bot:<name>`. */
  readonly user: string
  /** Null: nothing, or more than one. */
  readonly proof: BotProof | null
  /** Whether the request presents nothing but the name. */
  readonly bare: boolean
}

/** A token request whose body was read. */
export interface ReadRequest {
  /** For the library: the same request with its body. */
  readonly raw: IncomingMessage
  /** Null: another client. */
  readonly bot: PresentedBot | null
  /** The parameter `grant_type`; empty without one. */
  readonly grant: string
  /** The parameter `token`, of a revocation; empty without one, and if there are several. */
  readonly token: string
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > LONGEST_BODY) throw problemFor('body_too_large')
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof Problem) throw error
    // The client is gone: not a fault of the hub.
    throw problemFor('bad_request', 'The connection ended before the body.')
  }
  return Buffer.concat(chunks)
}

/**
 * Reads the body of a token request. The proof of a bot is taken out of it: bots prove themselves in the plugin that keeps
 * them, and the library sees a client without a secret. Throws `Problem` 413 for a body that is too long, and 400 for one
 * that does not end.
 */
export async function readTokenRequest(
  request: IncomingMessage,
  audiences: readonly string[],
): Promise<ReadRequest> {
  const body = await bodyOf(request)
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')
  const form = new URLSearchParams(isForm ? body.toString() : '')
  const bot = await presentedBot(form, request.headers.authorization, audiences)
  const grant = form.get('grant_type') ?? ''
  const tokens = form.getAll('token')
  const token = tokens.length === 1 ? (tokens[0] ?? '') : ''
  if (bot === null) return { raw: again(request, body), bot, grant, token }
  for (const name of ['client_assertion', 'client_assertion_type', 'client_secret', 'subject_token'])
    form.delete(name)
  form.set('client_id', bot.user)
  const { authorization: _, ...headers } = request.headers
  return { raw: again(request, Buffer.from(form.toString()), headers), bot, grant, token }
}

/** The request again, with this body. */
function again(request: IncomingMessage, body: Buffer, headers = request.headers): IncomingMessage {
  const { method, url, socket, httpVersion, httpVersionMajor, rawHeaders } = request
  return Object.assign(Readable.from([body], { objectMode: false }), {
    method,
    url,
    socket,
    httpVersion,
    httpVersionMajor,
    rawHeaders,
    complete: true,
    headers: { ...headers, 'content-length': String(body.length) },
  }) as unknown as IncomingMessage
}

async function presentedBot(
  form: URLSearchParams,
  authorization: string | undefined,
  audiences: readonly string[],
): Promise<PresentedBot | null> {
  const basic = basicOf(authorization)
  const assertion = form.get('client_assertion')
  const names = [
    basic?.user,
    assertion === null ? undefined : await subjectOf(assertion),
    ...form.getAll('client_id'),
  ]
  const user = names.find((name) => name?.startsWith(BOT))
  if (user == null) return null
  const secret = basic?.password ?? form.get('client_secret')
  const proofs: BotProof[] = []
  // A request with two of the same parameter is not a valid one (RFC 6749 section 3.2).
  const once = (name: string) => form.getAll(name).length === 1
  if (basic !== null || form.has('client_secret')) proofs.push({ kind: 'secret', secret: secret ?? '' })
  if (assertion !== null && once('client_assertion') && form.get('client_assertion_type') === ASSERTION)
    proofs.push({ kind: 'assertion', jwt: assertion, audiences })
  const token = form.get('subject_token')
  if (token !== null && once('subject_token') && ID_TOKENS.includes(form.get('subject_token_type') ?? ''))
    proofs.push({ kind: 'id_token', jwt: token })
  const other = names.some((name) => name != null && name !== user) || form.getAll('client_id').length > 1
  const given = ['client_assertion', 'client_secret', 'subject_token'].filter((name) => form.has(name)).length
  const single = proofs.length === 1 && given + (basic === null ? 0 : 1) === 1 && !other
  const bare = given === 0 && basic === null && !other
  return { user, proof: single ? (proofs[0] as BotProof) : null, bare }
}

/** RFC 6749 section 2.3.1: both parts are encoded as in a form, which curl does not do. */
function basicOf(authorization = ''): { readonly user: string; readonly password: string } | null {
  const [, credentials] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  if (credentials === undefined) return null
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  // The name of a bot has one colon of its own.
  const at = text.startsWith(BOT) ? text.indexOf(':', BOT.length) : text.indexOf(':')
  if (at < 0) return null
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part)
    } catch {
      return part
    }
  }
  return { user: decode(text.slice(0, at)), password: decode(text.slice(at + 1)) }
}

async function subjectOf(assertion: string): Promise<string | undefined> {
  const { decodeJwt } = await import('jose')
  try {
    return decodeJwt(assertion).sub
  } catch {
    return undefined
  }
}
