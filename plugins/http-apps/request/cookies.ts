import { type Credential, readCookie } from '@mezite/core/identity'

/** Cookie of an app session on the app's own host. */
export const APP_COOKIE = '__Host-mezite_app'
/** Ties a hand-over code to the browser that asked for it. */
export const NONCE_COOKIE = '__Host-mezite_nonce'

/** The value of the first cookie with exactly this name, over all `Cookie` lines in order; undefined if the hub did not set it. */
export const cookieOf = (lines: readonly string[], name: string): string | undefined =>
  readCookie(lines.length === 1 ? lines[0] : lines.join(';'), name)

/** The line without the hub's cookies, everything else byte for byte; undefined when nothing is left. */
export function withoutOurCookies(line: string): string | undefined {
  if (!/__host-mezite/i.test(line)) return line
  // Mostly it is the only one, or the last one.
  if (isOurs(line) && !line.includes(';')) return undefined
  const kept = line.split(';').filter((part) => !isOurs(part))
  const text = kept.join(';').replace(/^[ \t]+/, '')
  return text === '' ? undefined : text
}

/** A `Set-Cookie` line from an app as the browser may see it: undefined when it uses a name of the hub; never with `Domain`. */
export function withoutDomain(line: string): string | undefined {
  // The name is at its beginning.
  if (isOurs(line) || isOurs(line.replace(/^[ \t]*=/, ''))) return undefined
  if (!/domain/i.test(line)) return line
  const [pair = '', ...attributes] = line.split(';')
  return [pair, ...attributes.filter((text) => !/^[ \t]*domain[ \t]*(?:=|$)/i.test(text))].join(';')
}

/** `Set-Cookie` value for a cookie of the hub. `maxAgeSeconds` null: until the browser closes; 0 removes it. */
export function ourCookie(name: string, value: string, maxAgeSeconds: number | null): string {
  const age = maxAgeSeconds === null ? '' : `; Max-Age=${maxAgeSeconds}`
  return `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax${age}`
}

/** Only SP and HTAB are skipped: with another space in front, it is another name. */
const isOurs = (part: string): boolean => /^[ \t]*__host-mezite/i.test(part)

const TOKEN = /^[A-Za-z0-9_-]{20,128}$/

/** The cookie of a browser's session at one app. */
export const appSession: Credential = {
  name: 'app-session',
  from: 'cookie',
  at: 'app',
  cookie: APP_COOKIE,
  read: (token) => (TOKEN.test(token) ? { kind: 'app', token } : null),
}
