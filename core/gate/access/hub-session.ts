import type { CookieCredential } from '../../api/credentials.ts'
import { HUB_COOKIE } from '../../wire/cookie.ts'

const TOKEN = /^[A-Za-z0-9_-]{1,128}$/

/** The cookie of a browser's session at the hub's own host. `hub-cookie.ts` sets it. */
export const hubSession: CookieCredential = {
  name: 'hub-session',
  from: 'cookie',
  at: 'api',
  cookie: HUB_COOKIE,
  read: (token) => (TOKEN.test(token) ? { kind: 'hub', token } : null),
}
