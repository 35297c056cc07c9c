import { apiRoutes, type Clock, type Sessions, Type, type WebRoutes } from '@mezite/core'
import type { Administration } from '@mezite/core/administration'
import type { Authorities, AuthorityName } from '@mezite/core/identity'
import { problemFor } from './reasons.ts'

type RotationStep = Parameters<Administration['authorities']['rotate']>[1]

const STEPS: readonly RotationStep[] = ['start', 'switch', 'finish', 'rollback']
const NAMES: readonly AuthorityName[] = ['hub-ca', 'agent-ca', 'user-ca']
const Body = Type.Closed({
  step: Type.Union(STEPS.map((step) => Type.Literal(step))),
  force: Type.Optional(
    Type.Boolean({ description: 'take the step even if it locks out agents, join tokens or logins' }),
  ),
})

export interface AuthorityDeps {
  readonly administration: Pick<Administration, 'authorities'>
  readonly authorities: Pick<Authorities, 'bundle' | 'keys'>
  readonly sessions: Pick<Sessions, 'list'>
  readonly clock: Clock
}

/**
 * `GET /v1/webapi/auth/export/{hub-ca,agent-ca,user-ca}`: certificates as PEM, never keys. `GET` and `POST
 * /v1/webapi/auth/rotate/…`: the state of a rotation, and its next step.
 */
export function authorityRoutes(deps: AuthorityDeps): WebRoutes {
  const { authorities } = deps
  const { authorities: rotation } = deps.administration

  async function show(name: AuthorityName) {
    const keys = authorities.keys(name)
    const { phase, steps } = rotation.phaseOf(name)
    return {
      type: name,
      phase,
      keys: keys.map(({ id, state, pin, created, changed, expires }) => ({
        id,
        state,
        pin,
        created: timeOf(created),
        changed: timeOf(changed),
        expires: timeOf(expires),
      })),
      steps,
      waiting: (await waitingFor(name, deps)).map(({ until, ...who }) => ({ ...who, until: timeOf(until) })),
    }
  }

  return apiRoutes('auth', (on) => {
    for (const name of NAMES) {
      on(`GET /export/${name}`, { access: 'authority.read' }, (_, _call, reply) => {
        reply.type('application/x-pem-file')
        return `${authorities.bundle(name).join('\n').trim()}\n`
      })
      on(`GET /rotate/${name}`, { access: 'authority.read' }, () => show(name))
      const change = { access: 'authority.update', body: Body } as const
      on(`POST /rotate/${name}`, change, async (_, { body: { step, force = false }, actor }) => {
        if (!force && step !== 'start' && step !== 'rollback') await refuseLosses(name, step, deps)
        await rotation.rotate(name, step, actor)
        return show(name)
      })
    }
  })
}

/** The agents, join tokens and logins that the next forward step would lock out. */
async function waitingFor(
  name: AuthorityName,
  { administration, authorities, sessions, clock }: AuthorityDeps,
) {
  const keys = authorities.keys(name)
  const { phase } = administration.authorities.phaseOf(name)
  if (phase === 'standby' || (name !== 'hub-ca' && phase === 'started')) return []
  const found = [...(await administration.authorities.waiting(name))]
  // msh got its certificate and the hub's authorities at login, so earlier logins lack the new key.
  const since = Math.max(...keys.map(({ changed }) => changed))
  const losesLogins = name === 'user-ca' || (name === 'hub-ca' && phase === 'started')
  if (!losesLogins) return found
  for (const { id, kind, user, expires } of sessions.list()) {
    if (kind !== 'cert' || issuedAt(id) >= since || expires <= clock.now()) continue
    found.push({ kind: 'login', name: user, until: expires })
  }
  return found
}

async function refuseLosses(name: AuthorityName, step: RotationStep, deps: AuthorityDeps): Promise<void> {
  // Only forward steps lock anybody out. The rotation itself refuses steps that do not belong to this phase.
  if (!deps.administration.authorities.phaseOf(name).steps.includes(step)) return
  const found = await waitingFor(name, deps)
  if (found.length === 0) return
  const [first] = found
  const who = `${first?.kind} ${first?.name}${found.length > 1 ? ` and ${found.length - 1} more` : ''}`
  throw problemFor('rotation_waiting', `${step} would lock out ${who}. Wait, or force the step.`)
}

/**
 * The time of a login in milliseconds since the epoch: the first 48 bits of a UUIDv7 (RFC 9562, section 5.7). `created` of
 * the session is not used, because it is the time of the browser sign-in that approved the login.
 */
const issuedAt = (id: string): number => Number.parseInt(id.replace('-', '').slice(0, 12), 16)

const timeOf = (ms: number): string => new Date(ms).toISOString()
