import type { AccessQuery, App, SessionLimits, Subject, Vote } from '@mezite/core'
import type { AdminRules } from '@mezite/core/types'
import { rightsIn } from './admin-rules.ts'
import { compileLabels, type LabelMatcher } from './label-matcher.ts'
import type { SessionMfa } from './requirements.ts'
import { durationMs, entriesOf, type RoleDocument, type RoleRule } from './role-resource.ts'
import type { Roles } from './roles.ts'

const DEFAULT_TTL_MS = 12 * 3_600_000

interface Match {
  readonly allow: boolean
  readonly deny: boolean
}

/** A role, ready to vote. */
export interface CompiledRole {
  readonly name: string
  readonly document: RoleDocument
  match(app: App): Match
  readonly mfa: SessionMfa | null
  readonly deviceTrust: boolean
  readonly ttlMs: number
  readonly idleMs: number
  /** The limits of sessions of the kind `device`: what the role sets, unless it says something about devices. */
  readonly device: { readonly ttlMs: number; readonly idleMs: number }
  readonly adminLimits: AdminLimits
  readonly rights: AdminRules
}

/** What a role demands of administration, in milliseconds; 0: nothing. */
export interface AdminLimits {
  readonly confirmMs: number
  readonly idleMs: number
}

/** The stored roles; an unreadable one denies every app to everyone who has it. */
export type RoleSet = Pick<Roles, 'items' | 'unreadable'>

/** Compiles a document that `readRole` has accepted. */
export function compileRole(document: RoleDocument, rules: readonly RoleRule[] = []): CompiledRole {
  const { metadata, spec } = document
  const allow = matcher(spec.allow?.app_labels)
  const deny = matcher(spec.deny?.app_labels)
  const { options = {} } = spec
  const known = new WeakMap<App, Match>()
  const demand = options.require_session_mfa ?? false
  const ttlMs = durationMs(options.max_session_ttl ?? '12h') ?? 0
  const idleMs = durationMs(options.idle_timeout ?? 0) ?? 0
  const limitsDevices = entriesOf(spec, 'devices').length === 0
  return {
    name: metadata.name,
    document,
    rights: rightsIn(spec, rules),
    match(app) {
      let match = known.get(app)
      if (!match) {
        match = { allow: allow(app.labels), deny: deny(app.labels) }
        known.set(app, match)
      }
      return match
    },
    mfa:
      demand === false || demand === 'off'
        ? null
        : {
            name: 'session-mfa',
            level: demand === 'hardware_key' ? 'hardware_key' : 'webauthn',
            freshnessMs: durationMs(options.mfa_freshness ?? 0) ?? 0,
          },
    deviceTrust: options.require_device_trust ?? false,
    ttlMs,
    idleMs,
    device: {
      ttlMs: limitsDevices && options.max_session_ttl !== undefined ? ttlMs : Number.POSITIVE_INFINITY,
      idleMs: limitsDevices ? idleMs : 0,
    },
    adminLimits: {
      confirmMs: durationMs(options.confirm_changes ?? 0) ?? 0,
      idleMs: durationMs(options.admin_idle_timeout ?? 0) ?? 0,
    },
  }
}

function matcher(labels: Parameters<typeof compileLabels>[0]): LabelMatcher {
  const { matches, faults } = compileLabels(labels)
  if (faults.length > 0) throw new Error('the labels of the role are invalid')
  return matches
}

/**
 * Votes of all roles of the subject: a deny of any role denies, otherwise an allow of any role allows, and every allowing
 * role may add requirements. `access` reaches all apps, `admin` none by itself, an unknown role grants nothing.
 */
export function voteByRoles({ items, unreadable }: RoleSet, { subject, app }: AccessQuery, vote: Vote): void {
  for (const name of subject.roles) {
    if (name === 'admin') continue
    if (name === 'access') {
      vote.allow(name)
      continue
    }
    const role = items.get(name)
    if (role === undefined) {
      if (unreadable.has(name)) vote.deny('role_unreadable')
      continue
    }
    const { allow, deny } = role.match(app)
    if (deny) vote.deny('label_denied')
    if (!allow) continue
    vote.allow(name)
    voteRequirements(role, vote)
  }
}

/** Votes for the requirements of a role that allows. */
export function voteRequirements({ mfa, deviceTrust }: CompiledRole, vote: Pick<Vote, 'require'>): void {
  if (mfa) vote.require(mfa)
  if (deviceTrust) vote.require({ name: 'trusted-device' })
}

/** What these roles say about an app by themselves; locks and other policies are not considered. */
export function reachOf(
  roles: RoleSet,
  names: readonly string[],
  app: App,
): { readonly allowed: boolean; readonly denied: boolean } {
  let allowed = false
  let denied = false
  const subject: Subject = { user: '', roles: names, kind: 'session', sessionId: null, satisfied: [] }
  voteByRoles(
    roles,
    { subject, app, context: { protocol: app.protocol, clientIp: null }, request: null },
    {
      allow: () => {
        allowed = true
      },
      deny: () => {
        denied = true
      },
      require: () => {},
      meet: () => {},
      rule: () => {},
      byRequest: () => {},
    },
  )
  return { allowed, denied }
}

/** The shortest of the limits; 0 is none. */
const shortest = (limits: readonly number[]): number => {
  const set = limits.filter((ms) => ms > 0)
  return set.length === 0 ? 0 : Math.min(...set)
}

/** The strictest limits among the roles. `admin`: those of the built-in role. */
export function limitsOf({ items, unreadable }: RoleSet, admin: AdminLimits): SessionLimits {
  const compiled = (names: readonly string[]) =>
    names.map((name) => items.get(name)).filter((role) => role !== undefined)
  const limitsOfAdmins = (names: readonly string[]): readonly AdminLimits[] => [
    ...compiled(names).map(({ adminLimits }) => adminLimits),
    ...(names.includes('admin') ? [admin] : []),
  ]
  return {
    ttlMs(names, kind) {
      if (kind === 'device') return Math.min(...compiled(names).map(({ device }) => device.ttlMs))
      const limits = compiled(names).map(({ ttlMs }) => ttlMs)
      return limits.length === 0 ? DEFAULT_TTL_MS : Math.min(...limits)
    },
    idleMs: (names, kind) =>
      shortest([
        ...compiled(names).map(({ idleMs, device }) => (kind === 'device' ? device.idleMs : idleMs)),
        ...(kind === 'hub' ? limitsOfAdmins(names).map(({ idleMs }) => idleMs) : []),
      ]),
    // Nobody knows what an unreadable role demands, so each change needs a confirmation of its own.
    confirmMs: (names) =>
      names.some((name) => unreadable.has(name))
        ? 1
        : shortest(limitsOfAdmins(names).map(({ confirmMs }) => confirmMs)),
  }
}
