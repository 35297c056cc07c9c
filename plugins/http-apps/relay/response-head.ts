import { isReservedInResponse } from '@mezite/core/protocol'
import { withoutDomain } from '../request/cookies.ts'
import { isForbiddenTrailer } from '../request/header-names.ts'
import { type AppMapping, publicAddresses } from './app-mapping.ts'

const TAKEN = new Set(['cookies', '*'])

/**
 * Header lines of an app's response as the browser may see them: without hop-by-hop lines, names of the hub, cookies for
 * sibling hosts, a `Clear-Site-Data` that would sign the person out elsewhere, and a length where none is allowed
 * (RFC 9110 section 8.6), which would end an HTTP/2 stream.
 */
export function responseLines(lines: readonly string[], mapping: AppMapping, status: number): string[] {
  const kept: string[] = []
  const sized = status >= 200 && status !== 204 && status !== 205
  let listed: Set<string> | undefined
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] as string
    const lower = name.toLowerCase()
    if (isReservedInResponse(lower)) {
      if (lower === 'connection') listed = listedNames(lines[i + 1] as string, listed)
      continue
    }
    if (!sized && lower === 'content-length') continue
    if (mapping.droppedInResponse?.has(lower)) continue
    const value = responseValue(lower, lines[i + 1] as string, mapping)
    if (value !== undefined) kept.push(name, value)
  }
  const passed = listed === undefined ? kept : withoutListed(kept, listed)
  passed.push(...mapping.responseSetLines)
  return passed
}

const withoutListed = (lines: readonly string[], listed: ReadonlySet<string>): string[] =>
  lines.filter((_, i) => !listed.has((lines[i - (i % 2)] as string).toLowerCase()))

/** Trailers that may be merged safely, as pairs. */
export function responseTrailers(lines: readonly string[]): [string, string][] {
  const kept: [string, string][] = []
  for (let i = 0; i + 1 < lines.length; i += 2)
    if (!isForbiddenTrailer((lines[i] as string).toLowerCase()))
      kept.push([lines[i] as string, lines[i + 1] as string])
  return kept
}

function responseValue(lower: string, value: string, mapping: AppMapping): string | undefined {
  switch (lower) {
    case 'set-cookie':
      return withoutDomain(value)
    case 'location':
    case 'content-location':
    case 'link':
    case 'refresh':
      return publicAddresses(lower, value, mapping)
    case 'clear-site-data':
      return keptSiteData(value)
    default:
      return value
  }
}

function keptSiteData(value: string): string | undefined {
  const kept = value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => !TAKEN.has(part.replaceAll('"', '').trim().toLowerCase()))
  return kept.length === 0 ? undefined : kept.join(', ')
}

function listedNames(value: string, before: Set<string> | undefined): Set<string> | undefined {
  const names = before ?? new Set<string>()
  for (const token of value.split(',')) {
    const name = token.trim().toLowerCase()
    // Naming a line of framing or identity changes nothing: those are decided elsewhere.
    if (name !== '' && name !== 'close' && name !== 'keep-alive' && name !== 'content-length') names.add(name)
  }
  return names.size === 0 ? undefined : names
}
