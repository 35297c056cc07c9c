import type { AuditInput } from '../../api/audit.ts'
import { addressKey } from '../../base/limits/address-key.ts'

/** Events that any client can cause as often as it likes. */
const AGGREGATED: ReadonlySet<string> = new Set([
  'access.denied',
  'agent.rejected',
  'request.failed',
  'user.login.failed',
])
/** Of these, the events of people who are signed in count as theirs. */
const OF_PEOPLE: ReadonlySet<string> = new Set(['access.denied', 'request.failed'])

const WINDOW_MS = 60_000
/** Events of one kind that are recorded individually in a window. */
const EACH = 10
/** Kinds of known people that are counted at the same time. */
const KNOWN_KINDS = 5_000
/**
 * Kinds of strangers that are counted at the same time; also their events that are recorded individually in a window.
 */
const STRANGER_KINDS = 300
const STRANGER_EVENTS = 500

interface Kind {
  readonly input: AuditInput
  recorded: number
  aggregated: number
  /** What all events that were only counted have in common. */
  shared: Record<string, unknown>
  /** 2: strangers have written several names, and the sum has none. */
  users: 1 | 2
}

/** Whether a client can cause the event without having signed in. */
export function isOfStranger({ type, user, by }: AuditInput): boolean {
  return AGGREGATED.has(type) && (!OF_PEOPLE.has(type) || (user == null && by == null))
}

/**
 * Keeps a flood of denials from filling the trail, but still records it. For each user, app and reason, ten events a
 * minute are recorded individually, and the rest as one event with their number in `repeated`. Events of clients that
 * are not signed in are counted separately, by address; beyond 300 kinds at the same time the address and app are
 * omitted. Strangers therefore never make an event of a known person lose its user, app and address.
 */
export function createDenialAggregation(record: (input: AuditInput) => void) {
  const known = new Map<string, Kind>()
  const strangers = new Map<string, Kind>()
  let strangerEvents = 0
  let timer: NodeJS.Timeout | undefined

  /** Records the events that were only counted. */
  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    const kinds = [...known.values(), ...strangers.values()]
    known.clear()
    strangers.clear()
    strangerEvents = 0
    for (const { input, aggregated, shared, users } of kinds) {
      if (aggregated === 0) continue
      const { requestId: _ofOne, user, ...rest } = input
      record({
        ...rest,
        ...(users === 1 && user != null && { user }),
        fields: { ...shared, repeated: aggregated },
      })
    }
  }

  function strangerKind(input: AuditInput): Kind {
    // Strangers write any name, so it says nothing about who they are; the address does.
    const key = keyOf(input, addressKey(input.clientIp ?? ''))
    const kind = strangers.get(key)
    if (kind) return kind
    const { type, success, reason = null } = input
    const isCrowded = strangers.size >= STRANGER_KINDS
    const kindKey = isCrowded ? `${type} ${reason}` : key
    return kindOf(strangers, kindKey, isCrowded ? { type, success, reason } : input)
  }

  return {
    /** False if there were too many events of its kind: the event is counted, and recorded later together with others. */
    takes(input: AuditInput): boolean {
      if (!AGGREGATED.has(input.type)) return true
      timer ??= setTimeout(flush, WINDOW_MS).unref()
      const stranger = isOfStranger(input)
      if (!stranger && known.size >= KNOWN_KINDS) flush()
      const kind = stranger
        ? strangerKind(input)
        : kindOf(known, keyOf(input, input.user ?? input.by?.subject.user ?? ''), input)
      if (input.user !== kind.input.user) kind.users = 2
      const isAllowed = kind.recorded < EACH && (!stranger || strangerEvents < STRANGER_EVENTS)
      if (!isAllowed) {
        kind.aggregated += 1
        for (const [name, value] of Object.entries(kind.shared))
          if (input.fields?.[name] !== value) delete kind.shared[name]
      } else {
        kind.recorded += 1
        if (stranger) strangerEvents += 1
      }
      return isAllowed
    },
    flush,
  }
}

function kindOf(kinds: Map<string, Kind>, key: string, input: AuditInput): Kind {
  const known = kinds.get(key)
  if (known) return known
  // Copies: the input is read again at the end of the window.
  const shared = { ...input.fields }
  const kind: Kind = { input: { ...input }, recorded: 0, aggregated: 0, shared, users: 1 }
  kinds.set(key, kind)
  return kind
}

function keyOf({ type, reason, fields }: AuditInput, who: string): string {
  return JSON.stringify([type, who, reason ?? null, fields?.app ?? fields?.connector ?? null])
}
