import { escapeText } from '@mezite/cli-shared'
import type { Flat } from './resource.ts'

/** Fields that stand at fixed places of the line, or tell a reader nothing. */
const PLACED = new Set([
  'id',
  'time',
  'type',
  'user',
  'success',
  'reason',
  'cluster',
  'hub',
  'roles',
  'session_id',
  'request_id',
])

/** An audit event in one line: time (UTC), type, who, and the rest as `name=value`; a failure says why. */
export function eventLine(event: Flat): string {
  const parts = [String(event.time ?? '-'), String(event.type ?? '-').padEnd(17), String(event.user ?? '-')]
  if (event.success === false) parts.push(`FAILED (${String(event.reason ?? 'no reason')})`)
  for (const [name, value] of Object.entries(event)) {
    if (PLACED.has(name) || value === null || value === undefined || value === '') continue
    parts.push(`${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
  }
  return escapeText(parts.join('  '))
}
