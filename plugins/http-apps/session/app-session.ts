import type { Credential } from '@mezite/core/identity'
import { APP_COOKIE } from '../request/cookies.ts'

const TOKEN = /^[A-Za-z0-9_-]{20,128}$/

/** The cookie of a browser's session at one app. */
export const appSession: Credential = {
  name: 'app-session',
  from: 'cookie',
  at: 'app',
  cookie: APP_COOKIE,
  read: (token) => (TOKEN.test(token) ? { kind: 'app', token } : null),
}
