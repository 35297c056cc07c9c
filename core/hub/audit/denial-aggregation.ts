import type { AuditInput } from '../../api/audit.ts'
import { addressKey } from '../limits/address-key.ts'

/** What anybody can cause as often as he likes. */
const FOLDED: ReadonlySet<string> = new Set(['access.denied', 'agent.rejected', 'user.login.failed'])

const WINDOW_MS = 60_000
const EACH = 10
const MOST = 5_000

interface Repeated {
  readonly input: AuditInput
  count: number
}

/** Between what is recorded and the trail. */
export interface DenialFold {
  /** False when it is one too many of its kind: it is counted, and recorded with the others later. */
  takes(input: AuditInput): boolean
  /** Records what was only counted. */
  flush(): void
}

/**
 * Keeps a flood of refusals from filling the trail and from crowding out others, without letting it pass unseen: of each
 * person (or address, where nobody has signed in), app and reason ten a minute are recorded one by one, and the rest as
 * one event with their number in `repeated`.
 */
export function createDenialFold(record: (input: AuditInput) => void): DenialFold {
  const seen = new Map<string, Repeated>()
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    const kinds = [...seen.values()]
    seen.clear()
    for (const { input, count } of kinds) {
      if (count <= EACH) continue
      const { requestId: _ofOne, ...shared } = input
      record({ ...shared, fields: { ...shared.fields, repeated: count - EACH } })
    }
  }

  return {
    takes(input) {
      if (!FOLDED.has(input.type)) return true
      const key = keyOf(input)
      let kind = seen.get(key)
      if (kind === undefined && seen.size >= MOST) {
        // So many at once are a flood from everywhere: who it was does not matter any more.
        const { type, success, reason = null } = input
        kind = seen.get(`${type} ${reason}`) ?? { input: { type, success, reason }, count: EACH }
        seen.set(`${type} ${reason}`, kind)
      }
      kind ??= { input, count: 0 }
      if (kind.count === 0) seen.set(key, kind)
      timer ??= setTimeout(flush, WINDOW_MS).unref()
      kind.count += 1
      return kind.count <= EACH
    },
    flush,
  }
}

function keyOf({ type, user, clientIp, reason, fields }: AuditInput): string {
  const who = user ?? addressKey(clientIp ?? '')
  return JSON.stringify([type, who, reason ?? null, fields?.app ?? fields?.connector ?? null])
}
