import { type AccessQuery, parseDuration, Type, type Vote } from '@mezite/core'
import type { RoleReader, RoleRule } from '@mezite/core/types'
import { isInside } from './paths.ts'
import type { DeviceStore } from './store.ts'

const RULE = 'devices'
/** The entry of a device's session about the passkey with which it was added; it goes when the passkey goes. */
export const ADDED = 'device-added'

/** Decides about devices, and says whether roles let one in that demand a passkey. */
export interface DeviceRule {
  /** `allow.devices` of roles. */
  readonly rule: RoleRule
  decide(query: AccessQuery, vote: Vote): void
  /** How old a device may be at an app, in milliseconds; null: no role of these says anything. */
  longest(roles: readonly string[], app: AccessQuery['app']): number | null
}

export function createDeviceRule(store: Pick<DeviceStore, 'byId'>, now: () => number): DeviceRule {
  let reader: RoleReader | undefined

  function longest(roles: readonly string[], app: AccessQuery['app']): number | null {
    const ages = (reader?.ruled(RULE) ?? [])
      .filter(({ role, matches }) => roles.includes(role) && matches(app))
      .map(({ value }) => ageOf(value.max_age) ?? 0)
    return ages.length === 0 ? null : Math.max(...ages)
  }

  return {
    longest,
    rule: {
      name: RULE,
      description:
        'Devices of people count at these apps although a role demands a passkey, while they are not older than max_age',
      members: {
        max_age: Type.String({
          pattern: '^[0-9]{1,9}(s|m|h|d)$',
          description: 'How long after a person has added a device with a passkey: 90d',
          examples: ['90d'],
        }),
      },
      faults: ({ max_age, app_labels }) => [
        ...(ageOf(max_age) === null
          ? [{ path: ['max_age'], message: 'must be a duration from 1m to 366d, such as 90d' }]
          : []),
        ...(app_labels === undefined
          ? [{ path: ['app_labels'], message: 'is missing: without it, the rule counts for no app' }]
          : []),
      ],
      attach(roles) {
        reader = roles
      },
    },
    // `request` is not read here: then decisions about everybody else would be made for each request.
    decide({ subject, app }, vote) {
      if (subject.kind !== 'device') return
      const device = store.byId(subject.sessionId ?? '')
      if (device === undefined || device.app !== app.id) return vote.deny('device_unknown')
      const most = longest(subject.roles, app)
      if (most !== null) {
        const until = device.created + most
        if (until <= now()) return vote.deny('device_too_old')
        const added = subject.satisfied.find(({ name, appId }) => name === ADDED && appId === app.id)
        // Without the passkey that confirmed it, the entry only says when to decide again.
        const entry = added ?? { name: ADDED, level: '', appId: app.id, at: device.created }
        vote.meet(added === undefined ? entry : { ...added, name: 'session-mfa' }, { until })
      }
      if (device.paths.length === 0) return
      vote.byRequest(
        (received) => isInside(device.paths, received?.readings),
        (inside) => {
          if (!inside) vote.deny('device_path_not_allowed')
        },
      )
    },
  }
}

const SHORTEST_MS = 60_000
const LONGEST_MS = 366 * 86_400_000

function ageOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? parseDuration(value) : null
  return ms != null && ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : null
}
