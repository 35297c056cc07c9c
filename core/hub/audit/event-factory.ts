import type { Actor, AuditEvent, AuditInput } from '../../api/audit.ts'
import { createEventStamp } from './event-stamp.ts'
import { boundText } from './text-escaping.ts'

const LONGEST = 1_024
const LONGEST_PATH = 2_048
const MOST_ROLES = 100
const MOST_FIELDS = 40
const FIELD_NAME = /^[a-z][a-z0-9_]{0,63}$/

const CORE = new Set([
  'id',
  'type',
  'time',
  'cluster',
  'hub',
  'user',
  'roles',
  'client_ip',
  'session_id',
  'request_id',
  'success',
  'reason',
])

/** Fields that could only carry a secret or somebody's data, whoever sends them. */
const SECRET = /^(set_)?cookies?$|authorization|^query$|^body$|passw|secret|^code(_verifier)?$|^id_token$/

/** Nearly every text: nothing to escape, and no space, so no credential either. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]*$/
/** A credential inside another text. */
const CREDENTIAL = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi

type Value = AuditEvent[string]

/** What becomes of a field, judged by its name alone. */
type Fate = 'drop' | 'redact' | 'path' | 'keep'

/** Names are the code's own, so they are few; whatever comes on top is judged each time. */
const MOST_FATES = 1_000
const fates = new Map<string, Fate>()
const stampOf = createEventStamp()

/** Says who records: the same for every event of a hub. */
export interface Recorder {
  readonly cluster: string
  readonly hub: string
}

/** The event of an input, with a new id: bounded, escaped, without credentials and query strings. Never throws. */
export function makeEvent(input: AuditInput, { cluster, hub }: Recorder, nowMs: number): AuditEvent {
  const { id, time } = stampOf(nowMs)
  const who = input.by == null ? input : whoOf(input.by)
  return {
    id,
    type: text(input.type),
    time,
    cluster: text(cluster),
    hub: text(hub),
    user: orNull(who.user),
    roles: who.roles == null ? null : rolesOf(who.roles),
    client_ip: orNull(who.clientIp),
    session_id: orNull(who.sessionId),
    request_id: orNull(who.requestId),
    success: input.success === true,
    reason: orNull(input.reason),
    ...fieldsOf(input.fields ?? {}),
  }
}

function whoOf({ subject, clientIp, id }: Actor) {
  const { user, roles, sessionId } = subject
  return { user, roles, sessionId, clientIp: clientIp || null, requestId: id }
}

/**
 * What plugins made of an event, under the same rules, or a TypeError. `id`, `type`, `time` and who recorded it stay as
 * they were; so does of the fields that every event has what the answer does not name.
 */
export function keepRules(original: AuditEvent, changed: AuditEvent): AuditEvent {
  if (changed === original) return original
  if (typeof changed !== 'object') throw new TypeError('an event is an object')
  const { id, type, time, cluster, hub } = original
  const { user, roles, client_ip, session_id, request_id, success, reason } = {
    ...original,
    ...changed,
  }
  const kept = { user, client_ip, session_id, request_id, reason }
  for (const name of Object.keys(kept) as (keyof typeof kept)[]) {
    // Escaped once already when nobody changed it.
    if (kept[name] !== original[name]) kept[name] = orNull(kept[name])
  }
  const fields: Record<string, Value> = {}
  for (const [name, value] of Object.entries(changed)) {
    if (CORE.has(name)) continue
    if (Object.hasOwn(original, name) && value === original[name]) fields[name] = value
    else Object.assign(fields, fieldsOf({ [name]: value as string }))
  }
  const sameRoles = roles === original.roles || roles == null
  return {
    id,
    type,
    time,
    cluster,
    hub,
    ...kept,
    roles: sameRoles ? (roles ?? null) : rolesOf(roles),
    success: success === true,
    ...fields,
  }
}

/** Without what could be secret, for an event whose redaction failed. */
export function withoutFreeText(event: AuditEvent): AuditEvent {
  const { path: _path, user_agent: _userAgent, ...rest } = event
  return rest as AuditEvent
}

function fieldsOf(fields: Readonly<Record<string, unknown>>): Record<string, Value> {
  const made: Record<string, Value> = {}
  let left = MOST_FIELDS
  for (const name of Object.keys(fields)) {
    if (left-- === 0) break
    const fate = fateOf(name)
    if (fate === 'drop') continue
    const value = fields[name]
    if (fate === 'redact') made[name] = value == null ? null : '[redacted]'
    else if (typeof value === 'boolean') made[name] = value
    else if (typeof value === 'number') made[name] = Number.isFinite(value) ? value : null
    else if (fate === 'path' && typeof value === 'string') made[name] = pathOf(value)
    else made[name] = orNull(value)
  }
  return made
}

function fateOf(name: string): Fate {
  const known = fates.get(name)
  if (known !== undefined) return known
  const fate =
    CORE.has(name) || !FIELD_NAME.test(name)
      ? 'drop'
      : SECRET.test(name)
        ? 'redact'
        : name === 'path'
          ? 'path'
          : 'keep'
  if (fates.size < MOST_FATES) fates.set(name, fate)
  return fate
}

/** Without the query string and the fragment. */
function pathOf(path: string): string {
  const end = path.search(/[?#]/)
  return boundText(end < 0 ? path : path.slice(0, end), LONGEST_PATH)
}

function rolesOf(roles: readonly unknown[]): string[] {
  return [...roles].slice(0, MOST_ROLES).map(text)
}

const orNull = (value: unknown): string | null => (value === null || value === undefined ? null : text(value))

function text(value: unknown): string {
  const whole = typeof value === 'string' ? value : stringOf(value)
  if (whole.length <= LONGEST && PLAIN.test(whole)) return whole
  return boundText(whole, LONGEST).replace(CREDENTIAL, '$1 [redacted]')
}

/** Types forbid what is no string, but an event must not be lost over it. */
function stringOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return '[unreadable]'
  }
}
