import type { Actor, AuditEvent, AuditInput } from '../../api/audit.ts'
import { randomUuid } from '../../kernel/random-uuid.ts'
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

/** Names of fields that can only contain a secret or personal data. */
const SECRET = /^(set_)?cookies?$|authorization|^query$|^body$|passw|secret|^code(_verifier)?$|^id_token$/

/** Matches most texts: nothing to escape, and no space, so no credential either. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]*$/
/** Matches most paths: as above, and neither a query string nor a fragment. */
const PLAIN_PATH = /^[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*$/
/** Matches a credential inside another text. */
const CREDENTIAL = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi

/** Names of fields with an address, which may be only a path and a query. */
const ADDRESS = /(?:^|_)(?:url|uri|href|location|target|referr?er)$/
/** The query and the fragment of an address inside another text, and its user with a password. */
const QUERY = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi
const USER = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]*:[^\s/?#@"'<>]*@/gi

type Value = AuditEvent[string]

/** How a field is recorded, by its name alone. */
type Treatment = 'drop' | 'redact' | 'path' | 'address' | 'keep'

/** Names come from code, so they are few; beyond the bound the treatment is computed each time. */
const MOST_TREATMENTS = 1_000
const treatments = new Map<string, Treatment>()

/** A busy hub records many events in the same millisecond, which share these texts. */
let stampedMs = Number.NaN
let stampedSecond = Number.NaN
let secondText = ''
let stampedTime = ''
let idPrefix = ''

/** The recording hub, the same for all its events. */
export interface Recorder {
  readonly cluster: string
  readonly hub: string
}

/** The hub with texts that are escaped already. */
export const recorderOf = (cluster: string, hub: string): Recorder => ({
  cluster: String(textOf(cluster)),
  hub: String(textOf(hub)),
})

/** Roles as events have them, by those of a subject, which many events share. */
const knownRoles = new WeakMap<readonly unknown[], readonly string[]>()

/**
 * The event of an input, with a new id: bounded, escaped, without credentials and query strings. The recorder is that of
 * `recorderOf`. Never throws.
 */
export function makeEvent(input: AuditInput, { cluster, hub }: Recorder, nowMs: number): AuditEvent {
  if (nowMs !== stampedMs) stamp(nowMs)
  const who = input.by == null ? input : whoOf(input.by)
  const event: Record<string, Value> = {
    // A version 4 UUID has its random bits and variant in the same places as version 7.
    id: idPrefix + randomUuid().slice(15),
    type: textOf(input.type),
    time: stampedTime,
    cluster,
    hub,
    user: textOf(who.user),
    roles: who.roles == null ? null : (knownRoles.get(who.roles) ?? rolesOf(who.roles)),
    client_ip: textOf(who.clientIp),
    session_id: textOf(who.sessionId),
    request_id: textOf(who.requestId),
    success: input.success === true,
    reason: textOf(input.reason),
  }
  if (who.grants !== undefined && who.grants.length > 0)
    event.grant_id = textOf(who.grants.map((grant) => grant.id).join(','))
  if (who.actsFor !== undefined) event.acts_for = textOf(who.actsFor.user)
  const allowed = input.by?.allowedBy
  if (allowed) {
    event.right = textOf(allowed.right)
    event.right_role = textOf(allowed.role)
    if (allowed.approver !== undefined) event.approved_by = textOf(allowed.approver)
  }
  if (input.fields != null) addFields(event, input.fields)
  return event as AuditEvent
}

function whoOf({ subject, clientIp, id }: Actor) {
  const { user, roles, grants, actsFor, sessionId } = subject
  return { user, roles, grants, actsFor, sessionId, clientIp: clientIp || null, requestId: id }
}

/**
 * Applies the same rules to an event that a plugin has changed; throws a TypeError when it is not an object. `id`, `type`,
 * `time`, `cluster` and `hub` keep their values, and so do the common fields that the changed event leaves out.
 */
export function keepRules(original: AuditEvent, changed: AuditEvent): AuditEvent {
  if (changed === original) return original
  if (typeof changed !== 'object') throw new TypeError('it did not return an event')
  const { id, type, time, cluster, hub } = original
  const { user, roles, client_ip, session_id, request_id, success, reason } = {
    ...original,
    ...changed,
  }
  const kept = { user, client_ip, session_id, request_id, reason }
  for (const name of Object.keys(kept) as (keyof typeof kept)[]) {
    // An unchanged value is escaped already.
    if (kept[name] !== original[name]) kept[name] = textOf(kept[name])
  }
  const fields: Record<string, Value> = {}
  for (const [name, value] of Object.entries(changed)) {
    if (CORE.has(name)) continue
    if (Object.hasOwn(original, name) && value === original[name]) fields[name] = value
    else addFields(fields, { [name]: value })
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

/** The event without free text, used if its redaction failed. */
export function withoutFreeText(event: AuditEvent): AuditEvent {
  const { path: _path, user_agent: _userAgent, ...rest } = event
  return rest as AuditEvent
}

function addFields(made: Record<string, Value>, fields: Readonly<Record<string, unknown>>): void {
  let left = MOST_FIELDS
  // A list of the names would be made for each event.
  for (const name in fields) {
    if (!Object.hasOwn(fields, name)) continue
    if (left-- === 0) break
    const treatment = treatments.get(name) ?? treatmentOf(name)
    if (treatment === 'drop') continue
    const value = fields[name]
    if (treatment === 'redact') made[name] = value == null ? null : '[redacted]'
    else if (value == null || typeof value === 'boolean') made[name] = value ?? null
    else if (typeof value === 'number') made[name] = Number.isFinite(value) ? value : null
    else if (treatment === 'path' && typeof value === 'string') made[name] = pathOf(value)
    else if (treatment === 'address' && typeof value === 'string') made[name] = addressOf(value)
    else made[name] = textOf(value)
  }
}

function treatmentOf(name: string): Treatment {
  const treatment = computeTreatment(name)
  if (treatments.size < MOST_TREATMENTS) treatments.set(name, treatment)
  return treatment
}

function computeTreatment(name: string): Treatment {
  if (CORE.has(name) || !FIELD_NAME.test(name)) return 'drop'
  if (SECRET.test(name)) return 'redact'
  if (ADDRESS.test(name)) return 'address'
  return name === 'path' ? 'path' : 'keep'
}

/** Without the query string and the fragment. */
function pathOf(path: string): string {
  if (path.length <= LONGEST_PATH && PLAIN_PATH.test(path)) return path
  const end = path.search(/[?#]/)
  return boundText(end < 0 ? path : path.slice(0, end), LONGEST_PATH)
}

/** Says that there was a query or a fragment. */
function addressOf(address: string): string | null {
  const end = address.search(/[?#]/)
  return textOf(end < 0 ? address : `${address.slice(0, end)}?[redacted]`)
}

function rolesOf(roles: readonly unknown[]): readonly string[] {
  const texts = Object.freeze([...roles].slice(0, MOST_ROLES).map((role) => String(textOf(role))))
  // Only an array that cannot change may be a key.
  if (Object.isFrozen(roles)) knownRoles.set(roles, texts)
  return texts
}

function textOf(value: unknown): string | null {
  if (value == null) return null
  const whole = typeof value === 'string' ? value : stringOf(value)
  const hasAddress = whole.includes('://')
  if (whole.length <= LONGEST && PLAIN.test(whole) && !hasAddress) return whole
  const plain = hasAddress ? whole.replace(QUERY, '$1?[redacted]').replace(USER, '$1[redacted]@') : whole
  return boundText(plain, LONGEST).replace(CREDENTIAL, '$1 [redacted]')
}

/** The types require strings, but another value must not lose the event. */
function stringOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return '[unreadable]'
  }
}

/** Sets the time, and the beginning of ids that are UUIDs version 7 (RFC 9562, 5.7) of the same millisecond. */
function stamp(nowMs: number): void {
  const hex = Math.max(0, Math.trunc(nowMs)).toString(16).padStart(12, '0').slice(-12)
  const second = Math.floor(nowMs / 1_000)
  if (second !== stampedSecond) secondText = new Date(second * 1_000).toISOString().slice(0, -4)
  stampedSecond = second
  stampedTime = `${secondText}${String(Math.trunc(nowMs - second * 1_000)).padStart(3, '0')}Z`
  idPrefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
  stampedMs = nowMs
}
