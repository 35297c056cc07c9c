import { isNavigation } from '@mezite/core/protocol'
import type { AppRequest } from '../request/app-request.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'

/** Bytes of cookies that every usual server of an app accepts. */
const COOKIE_BYTES = 8_000

/**
 * An app has refused a navigation because of its cookies, though they fit here; its page cannot delete them. Some servers
 * respond with 431, others (nginx, Apache) with 400, which may mean anything, but then they close the connection.
 */
export function refusesCookies(
  { status, lines }: Pick<ResponseHead, 'status' | 'lines'>,
  request: AppRequest,
): boolean {
  if (status !== 431 && (status !== 400 || request.method !== 'GET' || !closes(lines))) return false
  const bytes = request.cookies.reduce((sum, cookie) => sum + cookie.length, 0)
  return isNavigation(request) && bytes > COOKIE_BYTES
}

function closes(lines: readonly string[]): boolean {
  return lines.some(
    (name, at) => at % 2 === 0 && /^connection$/i.test(name) && /close/i.test(lines[at + 1] ?? ''),
  )
}
