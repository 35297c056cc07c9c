import type { Decision } from '../../api/decision.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import { type OperationReader, operationReaders } from '../../api/operation-readers.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ForeignReason } from '../../kernel/reason.ts'
import { denied } from './ballots.ts'
import { type Requirements, strictest } from './requirements.ts'

export interface AgentNeeds {
  readonly requirements: Requirements
  /** What reads requests, which no person has to do anything for. */
  readonly readers: () => readonly Pick<OperationReader, 'requirement'>[]
}

/** What combining decisions looks up, in the rooms of the hub. */
export const agentNeeds = ({
  kernel,
  requirements,
}: Pick<AgentNeeds, 'requirements'> & {
  readonly kernel: Pick<Kernel<HubHooks>, 'slot'>
}): AgentNeeds => ({ requirements, readers: () => kernel.slot(operationReaders) })

type Eventually<T> = T | Promise<T>

/**
 * The decision about an agent, from the one about itself and the one about its person: the stricter counts. What the person would have to meet
 * denies, because no agent meets it for them; only reading the request is left to the hub.
 */
export function decideForBoth(
  own: Eventually<Decision>,
  theirs: Eventually<Decision>,
  needs: AgentNeeds,
): Eventually<Decision> {
  const decide = ([own, theirs]: readonly [Decision, Decision]): Decision => {
    try {
      return stricter(own, theirs, needs)
    } catch {
      // `strictest` of a plugin.
      return denied('policy_failed')
    }
  }
  if (!(own instanceof Promise) && !(theirs instanceof Promise)) return decide([own, theirs])
  return Promise.all([own, theirs]).then(decide)
}

function stricter(own: Decision, theirs: Decision, { requirements: kinds, readers }: AgentNeeds): Decision {
  const byRequest = own.byRequest || theirs.byRequest ? { byRequest: true as const } : {}
  if (own.effect === 'deny') return Object.freeze({ ...own, ...byRequest })
  if (theirs.effect === 'deny') return Object.freeze({ ...theirs, ...byRequest })
  const isRead = ({ name }: { readonly name: string }) =>
    readers().some(({ requirement }) => requirement === name)
  if (theirs.effect === 'require' && !theirs.requirements.every(isRead))
    return Object.freeze({ ...denied(theirs.reason as ForeignReason), ...byRequest })
  const until = Math.min(own.until ?? Number.POSITIVE_INFINITY, theirs.until ?? Number.POSITIVE_INFINITY)
  const first = own.effect === 'require' ? own : theirs
  return Object.freeze({
    ...first,
    roles: own.roles,
    requirements: Object.freeze(strictest([...own.requirements, ...theirs.requirements], kinds)),
    ...(own.met && { met: own.met }),
    ...((own.rule ?? theirs.rule) !== undefined && { rule: own.rule ?? theirs.rule }),
    ...(until !== Number.POSITIVE_INFINITY && { until }),
    ...byRequest,
  })
}
