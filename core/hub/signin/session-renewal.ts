import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Session } from '../../api/sessions.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import { launch } from './app-launch.ts'
import { hubSessionOf } from './hub-cookie.ts'
import { beginLogin } from './login-start.ts'
import type { SignInParts } from './sign-in-deps.ts'

const SOON_MS = 10 * 60_000

/**
 * `/web/launch` for somebody whose app session ends. An app's session never outlives the hub's, so one that is nearly
 * over is no way to a longer one: the person signs in anew, and everything is decided again. Otherwise as `launch`.
 * Nothing is ever extended.
 */
export async function renew(
  parts: SignInParts,
  desk: SignInDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  target: LoginState,
): Promise<FastifyReply> {
  const session = await hubSessionOf(request, parts.sessions)
  if (!session || !endsSoon(session, parts.clock.now())) return launch(parts, desk, request, reply, target)
  reply.header('cache-control', 'no-store')
  const connector = parts.publicNames.appsOidcConnector
  return beginLogin(parts, reply, { state: desk.seal(target), app: null, connector })
}

/** Less than ten minutes, or than half of it, is left. */
function endsSoon({ created, expires }: Session, now: number): boolean {
  return expires - now < Math.min(SOON_MS, (expires - created) / 2)
}
