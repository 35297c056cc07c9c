import { randomUUID, sign } from 'node:crypto'
import {
  type App,
  type Assertion,
  type Changes,
  type Clock,
  MezError,
  type PublicNames,
  type Subject,
} from '@mezite/core'
import type { SigningKey, SigningKeys } from './create-signing-keys.ts'

const LIFE_SECONDS = 120
const REUSE_MS = 30_000
const MAX_CACHED = 10_000

/**
 * Signs who is calling: JWS ES256, 120 s, one text for 30 s per (session, app, epoch). A change of roles, app
 * or lock moves the epoch and empties the cache. Throws `MEZ_ASSERTION_KEYLESS` before the first key is there.
 */
export function createAssertion(parts: {
  keys: Pick<SigningKeys, 'current'>
  changes: Pick<Changes, 'epoch'>
  clock: Clock
  publicNames: Pick<PublicNames, 'hubOrigin'>
}): Assertion {
  const { keys, changes, clock, publicNames } = parts
  const cache = new Map<
    string,
    { readonly text: string; readonly until: number; readonly signedAt: number }
  >()
  let epoch = changes.epoch
  let header = { kid: '', text: '' }

  function headerOf({ kid }: SigningKey): string {
    if (header.kid !== kid) header = { kid, text: base64url({ alg: 'ES256', kid, typ: 'JWT' }) }
    return header.text
  }

  function signNow(subject: Subject, app: App): string {
    const key = keys.current()
    if (!key) throw new MezError('MEZ_ASSERTION_KEYLESS', 'there is no key for identity assertions')
    const now = Math.floor(clock.now() / 1_000)
    const claims = {
      iss: publicNames.hubOrigin,
      aud: app.uri,
      sub: subject.user,
      roles: subject.roles,
      app: app.name,
      app_id: app.id,
      app_host: app.publicAddr,
      iat: now,
      nbf: now,
      exp: now + LIFE_SECONDS,
      jti: randomUUID(),
    }
    const data = `${headerOf(key)}.${base64url(claims)}`
    const signature = sign('sha256', Buffer.from(data), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
    return `${data}.${signature.toString('base64url')}`
  }

  return {
    sign(subject, app) {
      if (changes.epoch !== epoch) {
        epoch = changes.epoch
        cache.clear()
      }
      const id = `${subject.kind}\0${subject.sessionId ?? ''}\0${subject.user}\0${app.id}`
      const now = clock.monotonic()
      const wall = clock.now()
      const cached = cache.get(id)
      // By the wall clock too: what was signed before it was set is early or late for those who verify.
      if (cached && cached.until > now && Math.abs(wall - cached.signedAt) < REUSE_MS) return cached.text
      const text = signNow(subject, app)
      // Entries go in by time, so the first one is the oldest.
      cache.delete(id)
      if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string)
      cache.set(id, { text, until: now + REUSE_MS, signedAt: wall })
      return text
    },
  }
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
