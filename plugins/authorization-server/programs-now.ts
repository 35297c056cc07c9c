import type { Catalog, Session, Sessions } from '@mezite/core'
import type { Records } from './records.ts'

/** A program that has access now: by the consent of a person, by a token of `msh`, or as a bot. */
export interface ProgramNow {
  /** The session whose end takes the access away: `mezctl sessions revoke ID`. */
  readonly id: string
  /** As it names itself; the way in, for a bot. */
  readonly program: string
  readonly client_id: string | null
  /** The person for whom it acts, or the bot. */
  readonly user: string
  /** The apps for which it has a token now. */
  readonly apps: readonly string[]
  readonly last_used: string
  readonly created: string
  readonly expires: string
}

/** All of them, the last used first. */
export async function listProgramsNow(deps: {
  readonly records: Pick<Records, 'letIn'>
  readonly sessions: Pick<Sessions, 'list' | 'activityOf'>
  readonly catalog: Pick<Catalog, 'byId'>
}): Promise<readonly ProgramNow[]> {
  const { records, sessions, catalog } = deps
  const tokens = sessions.list().filter(({ kind }) => kind === 'token')
  const clients = new Map((await records.letIn()).map(({ anchor, clientId }) => [anchor, clientId]))
  const activity = await sessions.activityOf(tokens)
  const anchors = new Set(tokens.filter(({ apps }) => apps.length === 0).map(({ id }) => id))
  const below = Map.groupBy(
    tokens.filter(({ apps }) => apps.length > 0),
    ({ id, parentId }) => (parentId !== null && anchors.has(parentId) ? parentId : id),
  )
  const shown = (session: Session): ProgramNow & { readonly used: number } => {
    const own = below.get(session.id) ?? []
    const used = Math.max(...[session, ...own].map((one) => activity(one).lastUsed))
    return {
      id: session.id,
      program: session.client ?? '',
      client_id: clients.get(session.id) ?? null,
      user: session.user,
      apps: [
        ...new Set(own.flatMap(({ apps }) => apps.flatMap((id) => catalog.byId(id)?.name ?? []))),
      ].sort(),
      ...{ last_used: timeOf(used), created: timeOf(session.created), expires: timeOf(session.expires) },
      used,
    }
  }
  return tokens
    .filter(({ id }) => anchors.has(id) || below.has(id))
    .map(shown)
    .sort((one, other) => other.used - one.used)
    .map(({ used: _, ...program }) => program)
}

const timeOf = (ms: number): string => new Date(Number(ms)).toISOString()
