import type { Waiting } from '../../api/administration.ts'
import type { Authorities, AuthorityName } from '../../api/certificate-authorities.ts'
import type { Enrolment } from '../../gate/enrolment/enrolment.ts'
import type { JoinTokens } from '../../gate/enrolment/join-tokens.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Agents } from './agents.ts'
import type { LiveLink } from './link.ts'

/** Tracks which agents know the keys of a rotation. */
export type RotationProgress = ReturnType<typeof createRotationProgress>

const PIN = /^sha256:[0-9a-f]{64}$/
const MOST_PINS = 8

export interface RotationNeeds {
  readonly authorities: Pick<Authorities, 'bundle' | 'keys'>
  readonly enrolment: Enrolment
  readonly joinTokens: JoinTokens
  readonly clock: Clock
  readonly log: Log
}

/** Stores in the row of each agent which hub CA it trusts, so that any hub of the cluster knows which agents lack it. */
export function createRotationProgress(
  { authorities, enrolment, joinTokens, clock, log }: RotationNeeds,
  agents: Pick<Agents, 'get' | 'list'>,
) {
  const activeId = (name: AuthorityName) => authorities.keys(name).find(({ state }) => state === 'active')?.id
  /** The key of the hub CA that agents need to know: the coming one, else the one in use. */
  const neededHubCa = () => {
    const keys = authorities.keys('hub-ca')
    return keys.find(({ state }) => state === 'coming') ?? keys[0]
  }

  /** Agents whose acknowledgement is being stored: an agent may repeat it any number of times. */
  const storing = new Set<string>()

  return {
    /** Sends an agent the trusted hub authorities; requests a renewal if the active key did not sign its certificate. */
    announce(link: LiveLink): void {
      link.send({ type: 'hub_ca', hub_ca: authorities.bundle('hub-ca') })
      const agent = agents.get(link.hostname)
      if (!agent || link.retired) return
      const newest = agent.serial === link.certificate.serial
      if (agent.authority !== activeId('agent-ca') || !newest) link.send({ type: 'renew_now' })
    },
    /** Handles a message from an agent. */
    receive({ hostname }: LiveLink, message: Readonly<Record<string, unknown>>): void {
      if (message.type !== 'hub_ca_stored' || !Array.isArray(message.pins)) return
      const pins = message.pins.slice(0, MOST_PINS).filter((pin) => typeof pin === 'string' && PIN.test(pin))
      const needed = neededHubCa()?.pin
      // Stored only during a rotation.
      if (authorities.keys('hub-ca').length === 1 || needed === undefined || !pins.includes(needed)) return
      if (agents.get(hostname)?.hubCaPins.includes(needed) || storing.has(hostname)) return
      storing.add(hostname)
      enrolment
        .learnt(hostname, pins)
        .catch((error) =>
          log.warn(
            { agent: hostname, error: messageOf(error) },
            'failed to store the authorities that an agent trusts',
          ),
        )
        .finally(() => storing.delete(hostname))
    },
    async waiting(name: AuthorityName): Promise<readonly Waiting[]> {
      const now = clock.now()
      const living = agents.list().filter(({ certExpires }) => certExpires > now)
      const needed = neededHubCa()
      const behind = living.filter(({ authority, previousSerial, hubCaPins }) =>
        name === 'hub-ca'
          ? !hubCaPins.includes(needed?.pin ?? '')
          : authority !== activeId(name) || previousSerial !== null,
      )
      const found: Waiting[] =
        name === 'user-ca'
          ? []
          : behind.map(({ hostname, certExpires }) => ({ kind: 'agent', name: hostname, until: certExpires }))
      if (name !== 'hub-ca' || needed?.state !== 'coming') return found
      // A token created earlier was issued with the pin of the old key only.
      for (const { id, created, expires, used_at } of await joinTokens.list()) {
        const open = used_at === null && expires.getTime() > now && created.getTime() < needed.changed
        if (open) found.push({ kind: 'join-token', name: id, until: expires.getTime() })
      }
      return found
    },
  }
}
