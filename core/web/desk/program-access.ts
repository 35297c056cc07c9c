import type { FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { ProgramAccess, SignInDesk } from '../../api/sign-in.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import { audited, challengeFor, problemOf } from './refusals.ts'
import type { SignInDeps } from './sign-in-deps.ts'

/** How long what was met on the way to the consent counts there. */
const MET_TTL_MS = 10 * 60_000
const LONGEST = 8_192
const place = { table: 'sign_in', id: 'met', purpose: 'met' }

type Asked = Parameters<SignInDesk['prepare']>[1]

/** See `SignInDesk.prepare`. */
export function prepare(
  deps: SignInDeps,
  desk: Pick<SignInDesk, 'seal'>,
  request: FastifyRequest,
  { session, app, path, met }: Asked,
): Promise<ProgramAccess> {
  const brought = met === undefined ? [] : openMet(deps, { session, app, met })
  return decide(deps, { desk, request, session, app, path, met: brought })
}

/** Continues after a requirement was met for a program. Resolves to the next URL of the browser. */
export async function metForProgram(
  deps: SignInDeps,
  desk: Pick<SignInDesk, 'seal'>,
  request: FastifyRequest,
  asked: Omit<Asked, 'met'>,
  met: readonly SatisfiedRequirement[],
): Promise<string> {
  const { location, satisfied } = await decide(deps, { desk, request, ...asked, met })
  if (location !== null) return location
  const { path, session, app } = asked
  const text = JSON.stringify([deps.clock.now() + MET_TTL_MS, session.id, app.id, satisfied])
  const sealed = deps.secretBox.seal(place, Buffer.from(text)).toString('base64url')
  return `${path}${path.includes('?') ? '&' : '?'}met=${sealed}`
}

interface Decision extends Omit<Asked, 'met'> {
  readonly desk: Pick<SignInDesk, 'seal'>
  readonly request: FastifyRequest
  readonly met: readonly SatisfiedRequirement[]
}

async function decide(
  deps: SignInDeps,
  { desk, request, session, app, path, met }: Decision,
): Promise<ProgramAccess> {
  const state = { appHost: app.publicAddr, path, nonceHash: null }
  const query = {
    who: { kind: 'hub', sessionId: session.id },
    app,
    protocol: deps.catalog.servedByHub(app) ? app.protocol : 'http',
    met,
    clientIp: request.clientIp,
    requestId: request.id,
    interactive: true,
    probe: true,
  } as const
  const outcome = await deps.access.admit(query)
  if (outcome.outcome === 'admitted') {
    const satisfied = outcome.met.map((entry) => ({ ...entry, appId: app.id }))
    return { location: null, satisfied }
  }
  if (outcome.outcome === 'required')
    return { location: await challengeFor(deps, { desk, state, app, refusal: outcome }), satisfied: [] }
  if (outcome.outcome === 'unauthenticated')
    throw audited(new Problem(403, outcome.code, 'This sign-in does not open the application.'))
  // Somebody who signs in again as another person comes back to the page, not to the app.
  const again = desk.seal({ appHost: null, path, nonceHash: null })
  throw audited(await problemOf(deps, { refusal: outcome, app, path, state: again, request }))
}

/** What was met for this session and app; nothing if the text is not from this cluster, or too old. */
function openMet(
  { secretBox, clock }: Pick<SignInDeps, 'secretBox' | 'clock'>,
  { session, app, met: sealed }: Pick<Required<Asked>, 'session' | 'app' | 'met'>,
): readonly SatisfiedRequirement[] {
  if (sealed.length > LONGEST || !/^[A-Za-z0-9_-]+$/.test(sealed)) return []
  try {
    const opened = secretBox.open(place, Buffer.from(sealed, 'base64url')).toString('utf8')
    const [until, sessionId, appId, met] = JSON.parse(opened) as [
      number,
      string,
      string,
      readonly SatisfiedRequirement[],
    ]
    return until > clock.now() && sessionId === session.id && appId === app.id ? met : []
  } catch {
    return []
  }
}
