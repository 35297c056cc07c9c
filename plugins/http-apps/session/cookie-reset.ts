import type { ConnectionInfo } from '@mezite/core/protocol'
import type { RequestSource } from '../client/client.ts'
import { actions, page } from '../client/page.ts'
import { formResponse, type HubResponse, htmlResponse, isNavigation } from '../client/response.ts'
import { limits } from '../limits.ts'
import type { Deadlines } from '../relay/deadlines.ts'
import type { AppRequest } from '../request/app-request.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'

export const RESET_PATH = '/.mezite/reset'

const MOST_EXPECTED = 1_000

/**
 * A sibling app can set so many cookies that every request to another app is too large to be read, also the one that
 * would delete them. So a browser that has just been refused for that may, on its next few connections, send more.
 */
export class CookieRescue {
  readonly #deadlines: Deadlines
  readonly #expected = new Map<string, number>()
  #open = 0

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  /** This client has just been refused. */
  expect(info: ConnectionInfo): void {
    const [oldest] = this.#expected.keys()
    if (this.#expected.size >= MOST_EXPECTED && oldest !== undefined) this.#expected.delete(oldest)
    this.#expected.set(keyOf(info), this.#deadlines.now + limits.rescueMs)
  }

  /** Whether this connection may send more; when true, `closed` must be called at its end. */
  opened(info: ConnectionInfo): boolean {
    if (this.#expected.size === 0 || this.#open >= limits.rescues) return false
    if ((this.#expected.get(keyOf(info)) ?? 0) <= this.#deadlines.now) return false
    this.#open++
    return true
  }

  closed(): void {
    this.#open--
  }
}

type Refusal = Pick<ResponseHead, 'status' | 'lines'>

/** The answer to a request with too large a head; only its own page may delete the cookies. */
export function tooLargeOrReset(request: AppRequest, ownOrigin: string): HubResponse {
  return resetResponse(request, ownOrigin) ?? tooLargeResponse()
}

/** Deletes the cookies when this very host asks for it. */
export function resetResponse(request: AppRequest, ownOrigin: string): HubResponse | undefined {
  const meant = request.origin === ownOrigin || request.site === 'same-origin'
  if (request.target !== RESET_PATH || request.method !== 'POST' || !meant) return undefined
  const text = ['Close other windows of this domain before you sign in again, or they may fill it up again.']
  const link = actions('<a href="/">Open the application</a>')
  return htmlResponse(200, page('The cookies are deleted', text, link), ['Clear-Site-Data', '"cookies"'])
}

/**
 * An app has refused a navigation because of its cookies, though they fit here; its page cannot delete them. Some servers
 * say 431, others 400 (nginx, Apache): that may mean anything, but then they close the connection.
 */
export function refusesCookies({ status, lines }: Refusal, request: AppRequest): boolean {
  if (status !== 431 && (status !== 400 || request.method !== 'GET' || !closes(lines))) return false
  return isNavigation(request) && hasManyCookies(request)
}

/** More than some usual server of an app takes. */
export function hasManyCookies({ cookies }: AppRequest): boolean {
  return cookies.reduce((sum, cookie) => sum + cookie.length, 0) > limits.cookieBytes
}

function closes(lines: readonly string[]): boolean {
  return lines.some(
    (name, at) => at % 2 === 0 && /^connection$/i.test(name) && /close/i.test(lines[at + 1] ?? ''),
  )
}

/** 431 with a way out. */
export function tooLargeResponse(): HubResponse {
  const text = [
    'This site has stored so many cookies in your browser that its requests can no longer be read.',
    'You can delete them. You are then signed out of all applications of this domain.',
  ]
  const form = actions(
    `<form method="post" action="${RESET_PATH}"><button>Delete the cookies</button></form>`,
  )
  return formResponse(431, page('The request is too large', text, form))
}

/** Bytes of the head as the limit counts them. */
export function isTooLarge({ rawHeaders, url = '' }: RequestSource, mostBytes: number): boolean {
  let size = url.length
  for (const text of rawHeaders) size += text.length + 2
  return size > mostBytes
}

function keyOf({ clientIp, serverName }: ConnectionInfo): string {
  return `${clientIp} ${serverName}`
}
