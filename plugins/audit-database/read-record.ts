import type { Actor, Audit } from '@mezite/core'

/** Who reads the trail is part of it. */
export function recordRead(audit: Audit, by: Actor, resource: string): void {
  audit.record({ type: 'audit.read', success: true, by, fields: { resource } })
}
