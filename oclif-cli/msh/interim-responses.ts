import type { ClientRequest } from 'node:http'
import { type OriginNames, towardsClient } from './header-mapping.ts'

/**
 * Passes interim responses such as 103 (Early Hints) on, with their headers. msh itself sends 100, so `write` gets none. A
 * hint that cannot be written must not cost the response.
 */
export function relayInterim(
  upstream: ClientRequest,
  names: OriginNames,
  write: (status: number, lines: readonly string[]) => void,
): void {
  upstream.on('information', ({ statusCode, rawHeaders }) => {
    if (statusCode === 100) return
    try {
      write(statusCode, towardsClient(rawHeaders, names))
    } catch {}
  })
}

/** Fields of an interim response, as the map that Node.js wants here. */
export function interimFields(status: number, lines: readonly string[]): Record<string, number | string[]> {
  const fields: Record<string, number | string[]> = Object.create(null)
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const name = (lines[at] as string).toLowerCase()
    const before = fields[name]
    fields[name] = [...(Array.isArray(before) ? before : []), lines[at + 1] as string]
  }
  fields[':status'] = status
  return fields
}
