import { randomUUID, sign } from 'node:crypto'
import { type App, type Clock, MezError, type PublicNames, type Subject } from '@mezite/core'
import { type Assertion, type SigningKey, type SigningKeys, shownAs } from '@mezite/core/identity'

const LIFE_SECONDS = 120
const REUSE_MS = 30_000
/** A session that uses more apps than this in turn gets a new signature for each. */
const MOST_APPS = 100

/** A signed assertion with what it says, besides the subject that it is kept by. */
interface Kept {
  readonly kid: string
  readonly issuer: string
  readonly app: Pick<App, 'name' | 'uri' | 'publicAddr'>
  readonly text: string
  /** On the monotonic clock. */
  readonly until: number
  readonly signedAt: number
}

/**
 * Signs the identity of the caller: JWS ES256, valid for 120 s, reused for 30 s per session and app while all that it says stays
 * true: it is kept by the subject, an object that is another one when anything in it differs. Changes that alter nothing in
 * it do not end it. Throws `MEZ_ASSERTION_KEYLESS` until there is a key.
 */
export function createAssertion(deps: {
  keys: Pick<SigningKeys, 'current'>
  clock: Clock
  publicNames: Pick<PublicNames, 'hubOrigin'>
}): Assertion {
  const { keys, clock, publicNames } = deps
  const kept = new WeakMap<Subject, Map<string, Kept>>()
  let header = { kid: '', text: '' }

  function headerOf({ kid }: SigningKey): string {
    if (header.kid !== kid) header = { kid, text: base64url({ alg: 'ES256', kid, typ: 'JWT' }) }
    return header.text
  }

  function keep(subject: Subject, id: string, signed: Kept): void {
    let apps = kept.get(subject)
    if (apps === undefined) {
      apps = new Map()
      kept.set(subject, apps)
    }
    // Entries are added in the order of time, so the first one is the oldest.
    apps.delete(id)
    if (apps.size >= MOST_APPS) apps.delete(apps.keys().next().value as string)
    apps.set(id, signed)
  }

  function signNow(
    key: SigningKey,
    issuer: string,
    subject: Subject,
    app: App,
    head = headerOf(key),
    more: Readonly<Record<string, unknown>> = {},
  ): string {
    const now = Math.floor(clock.now() / 1_000)
    const { user, roles } = shownAs(subject)
    const claims = {
      ...more,
      iss: issuer,
      aud: audienceOf(app),
      sub: user,
      // RFC 8693, section 4.1: who acts for the person.
      ...(subject.actsFor && { act: { sub: subject.user } }),
      roles,
      app: app.name,
      app_id: app.id,
      app_host: app.publicAddr,
      iat: now,
      nbf: now,
      exp: now + LIFE_SECONDS,
      jti: randomUUID(),
    }
    const data = `${head}.${base64url(claims)}`
    const signature = sign('sha256', Buffer.from(data), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
    return `${data}.${signature.toString('base64url')}`
  }

  function currentKey(): SigningKey {
    const key = keys.current()
    if (!key) throw new MezError('MEZ_ASSERTION_KEYLESS', 'there is no key for identity assertions')
    return key
  }

  return {
    signOnce(subject, app, typ, claims) {
      const key = currentKey()
      const head = base64url({ alg: 'ES256', kid: key.kid, typ })
      return signNow(key, publicNames.hubOrigin, subject, app, head, claims)
    },

    sign(subject, app) {
      const key = currentKey()
      const issuer = publicNames.hubOrigin
      const now = clock.monotonic()
      const wall = clock.now()
      const known = kept.get(subject)?.get(app.id)
      if (
        known !== undefined &&
        known.kid === key.kid &&
        known.issuer === issuer &&
        isSameApp(known.app, app) &&
        known.until > now &&
        // By the wall clock too: after it was set, an older assertion may be early or late for its verifiers.
        Math.abs(wall - known.signedAt) < REUSE_MS
      )
        return known.text
      const text = signNow(key, issuer, subject, app)
      // Only an object that cannot change may be a key.
      if (Object.isFrozen(subject) && Object.isFrozen(subject.roles)) {
        const { name, uri, publicAddr } = app
        const said = { kid: key.kid, issuer, app: { name, uri, publicAddr } }
        keep(subject, app.id, { ...said, text, until: now + REUSE_MS, signedAt: wall })
      }
      return text
    },
  }
}

/** Apps that the hub does not carry have no URI that tells them apart. */
const audienceOf = ({ uri, publicAddr }: App): string => (uri === 'none' ? `https://${publicAddr}` : uri)

/** Whether assertions for both say the same about the app. Their id is the same. */
const isSameApp = (one: Kept['app'], other: Kept['app']): boolean =>
  one.name === other.name && one.uri === other.uri && one.publicAddr === other.publicAddr

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
