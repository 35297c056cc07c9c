import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Session, Sessions } from '../../api/sessions.ts'
import { HUB_COOKIE, readCookie } from '../../wire/cookie.ts'

const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax'

export function setHubCookie(reply: FastifyReply, token: string, maxAgeSeconds: number): void {
  reply.header('set-cookie', `${HUB_COOKIE}=${token}; Max-Age=${maxAgeSeconds}; ${ATTRIBUTES}`)
}

/** Does nothing if the browser has not sent the cookie. */
export function clearHubCookie({ headers }: FastifyRequest, reply: FastifyReply): void {
  if (readCookie(headers.cookie, HUB_COOKIE) === undefined) return
  reply.header('set-cookie', `${HUB_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`)
}

/** The live hub session of this browser, if any. Sessions of other kinds do not count. */
export async function hubSessionOf(
  request: FastifyRequest,
  sessions: Sessions,
): Promise<Session | undefined> {
  const token = readCookie(request.headers.cookie, HUB_COOKIE)
  if (token === undefined) return undefined
  const session = await sessions.find('hub', token)
  if (session) sessions.touch(session)
  return session
}
