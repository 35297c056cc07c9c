import type { AuditEvent, AuditSink } from '../../../core/api/audit.ts'
import type { House } from '../../../core/hub/room.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { createAudit } from '../../../core/state/audit/audit.ts'
import { partly } from '../../hub/partly.ts'

export interface AuditSetting {
  readonly clock?: House['clock']
  readonly limits?: Parameters<typeof createAudit>[1]
  /** The tap of `audit.event`; without it the hook is empty. */
  readonly event?: (event: AuditEvent) => AuditEvent
  /** The tap of `audit.recorded`; without it the hook is empty. */
  readonly recorded?: (event: AuditEvent) => void
}

/** An audit that is not open yet, in a hub without anything but these sinks. */
export function auditOf(sinks: readonly AuditSink[], log: House['log'], setting: AuditSetting = {}) {
  const { clock = systemClock, limits, event, recorded } = setting
  const tap = (one: AuditEvent) => event?.(one) ?? one
  const rooms = partly({
    clusterName: 'c',
    instanceId: 'h',
    kernel: {
      slot: () => sinks as never,
      calls: {
        audit: {
          event: Object.assign(tap, { empty: event === undefined, pure: true }),
          recorded: Object.assign((one: AuditEvent) => recorded?.(one), {
            empty: recorded === undefined,
            pure: true,
          }),
        },
      },
    },
    counts: { event() {} },
    clock,
    log,
  })
  return createAudit(rooms, limits)
}
