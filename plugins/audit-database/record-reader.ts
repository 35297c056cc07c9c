import type { Actor, Audit } from '@mezite/core'

/** Records a read of the trail in the trail. */
export function recordRead(audit: Audit, by: Actor, resource: string): void {
  audit.record({ type: 'audit.read', success: true, by, fields: { resource } })
}
