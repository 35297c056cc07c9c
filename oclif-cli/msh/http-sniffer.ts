import { isIP } from 'node:net'
import { judgeLocalRequest } from './local-request-check.ts'

/** A longer head of a request is not waited for. */
export const LONGEST_HEAD = 64 * 1024

const START = /^[!#$%&'*+.^_`|~0-9a-z-]+ (?:\/|http)/i
const PART_OF_START = /^[!#$%&'*+.^_`|~0-9a-z-]*(?: (?:h(?:t(?:tp?)?)?)?)?$/i

/**
 * What the first bytes of a connection are: `page`, an HTTP request that a web page of somebody else made a browser
 * send; `head`, an HTTP request that has not come far enough to tell; `start`, what may still become one; `other`, all
 * else.
 */
export type FirstBytes = 'page' | 'head' | 'start' | 'other'

/** Judges all that has come so far to this local port. */
export function judgeFirstBytes(bytes: Buffer, port: number): FirstBytes {
  const text = bytes.toString('latin1', 0, LONGEST_HEAD)
  if (PART_OF_START.test(text)) return text.length < LONGEST_HEAD ? 'start' : 'other'
  if (!START.test(text)) return 'other'
  // Other protocols have such lines too. Browsers send this version, and CRLF.
  const firstLine = text.indexOf('\n')
  if (firstLine !== -1 && !/ HTTP\/1\.[01]\r$/.test(text.slice(0, firstLine))) return 'other'
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return 'head'
  return isForeignPage(text.slice(0, end).split('\r\n').slice(1), port) ? 'page' : 'other'
}

/** A program that is no browser may well speak HTTP to a TCP app, under any name. */
function isForeignPage(lines: readonly string[], port: number): boolean {
  const headers: string[] = []
  let hasOrigin = false
  let looksLikeBrowser = false
  let underForeignName = false
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()]
    headers.push(name, value)
    if (/^(origin|sec-fetch-[a-z]+)$/i.test(name)) hasOrigin = true
    // Browsers leave those two out for a page that was rebound. Pages may change their words, but not that they are sent.
    if (/^accept-language$/i.test(name)) looksLikeBrowser = true
    if (/^user-agent$/i.test(name) && value.startsWith('Mozilla/')) looksLikeBrowser = true
    if (/^host$/i.test(name) && isForeignName(value)) underForeignName = true
  }
  if (looksLikeBrowser && underForeignName) return true
  return hasOrigin && judgeLocalRequest(headers, port) !== null
}

/**
 * Names other than localhost: only those can be made to lead elsewhere later. And addresses that lead here though browsers
 * do not take them for this machine: they do not say that a page of another site sends the request.
 */
function isForeignName(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$|\.$/g, '')
  if (name === '0.0.0.0' || name.startsWith('::ffff:')) return true
  return name !== '' && isIP(name) === 0 && name !== 'localhost' && !name.endsWith('.localhost')
}
