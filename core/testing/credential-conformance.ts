import type { X509Certificate } from 'node:crypto'
import type { Caller } from '../api/admission.ts'
import type {
  CertificateCredential,
  CertifiedCaller,
  CookieCredential,
  Credential,
  CredentialRequest,
  HeaderCredential,
} from '../api/credentials.ts'
import { hubPartChecks } from '../api/part-checks.ts'
import { isReasonCode } from '../kernel/reason.ts'
import { isHeaderLine } from '../wire/header-line.ts'
import { type ConformTest, inTime, testsWith } from './conformance-test.ts'
import { cpuMs, HARD_TEXTS, MOST_CPU_MS } from './stranger-work.ts'

/** A credential, with values of it. */
export interface Tried<C extends Credential, V> {
  readonly credential: C
  /** A value that is accepted now. */
  readonly valid: V
  /** Values of its form that are not accepted: unknown, forged, ended. At least one. */
  readonly invalid: readonly V[]
  /** Values that are not its own. Default: those of other schemes for the header `authorization`, else none. */
  readonly foreign?: readonly V[]
  /** Other headers of the entry that belong to the value, such as a proof of possession, by lower-case name. */
  readonly proofs?: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** A credential in a header, a cookie or a certificate. */
export type CredentialUnderTest =
  | Tried<HeaderCredential, string>
  | Tried<CookieCredential, string>
  | Tried<CertificateCredential, X509Certificate>

const SESSIONS = ['app', 'cert', 'device', 'hub', 'token']
const OTHER_SCHEMES = [
  '',
  'Basic dXNlcjpwYXNz',
  'Bearer',
  'Bearer a-token-of-the-application',
  'Negotiate YII=',
]
const ORIGINS = ['https://wiki.apps.example.com', 'https://no-such-app.apps.example.com']

/**
 * Checks a credential: it recognises what is its own and nothing else, never accepts or, in a header, gives to the app what is not
 * valid, hides all that belongs to it, costs strangers little, and tells nobody which apps exist. The hub itself removes its
 * cookies, so an entry for one may take what is not valid as absent. `open` creates an entry of the slot `credentials`.
 */
export function conformCredential(t: ConformTest, open: () => Promise<CredentialUnderTest>): void {
  type Value = string | X509Certificate
  type Read = (value: Value) => Caller | CertifiedCaller | null | Promise<Caller | null>
  const opened = testsWith(t, open)
  const test = (
    name: string,
    run: (t: ConformTest, under: CredentialUnderTest, read: Read) => Promise<void>,
  ) => opened(name, (t, under) => run(t, under, readerOf(under)))
  const readerOf = ({ credential, proofs = {} }: CredentialUnderTest): Read => {
    if (credential.from !== 'header') return (value) => credential.read(value as never)
    const [header = ''] = credential.headers
    return (value) => {
      const lines: Readonly<Record<string, string>> = { ...proofs, [header]: value as string }
      const request: CredentialRequest = {
        method: 'GET',
        url: `${ORIGINS[0]}/`,
        clientIp: '203.0.113.7',
        header: (name) => (Object.hasOwn(lines, name) ? [lines[name] as string] : []),
      }
      return credential.read(value as string, request)
    }
  }
  const shownOf = (value: Value) =>
    typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : `the certificate ${value.serialNumber}`

  test('it has a name, and headers that may carry a credential', async (t, { credential }) => {
    const fault = hubPartChecks.credentials?.(credential) ?? null
    t.ok(fault === null, fault ?? 'valid')
  })

  test('its own value stands for a session, again and again', async (t, { credential, valid }, read) => {
    for (const turn of ['first', 'second']) {
      const who = await inTime(Promise.resolve(read(valid)), 'read')
      const kinds = 'at' in credential && credential.at === 'api' ? [...SESSIONS, 'subject'] : SESSIONS
      t.ok(who !== null && kinds.includes(who.kind), `the ${turn} time: ${who?.kind ?? 'not recognised'}`)
    }
  })

  test('values of others are left to the app', async (t, { credential, foreign }, read) => {
    const isBearer = credential.from === 'header' && credential.headers[0] === 'authorization'
    for (const value of foreign ?? (isBearer ? OTHER_SCHEMES : []))
      t.ok((await read(value)) === null, `${shownOf(value)} is not its own`)
  })

  test('a value of its form that is not valid is refused, and not left to the app', async (t, {
    credential,
    valid,
    invalid,
  }, read) => {
    const accepted = JSON.stringify(await read(valid))
    t.ok(invalid.length > 0, 'there are such values')
    for (const value of invalid) {
      const who = await read(value)
      if (credential.from === 'header') t.ok(who !== null, `${shownOf(value)} does not reach the app`)
      t.ok(JSON.stringify(who) !== accepted, `${shownOf(value)} is not the accepted caller`)
      if (who?.kind !== 'refused') continue
      t.ok(who.status === 400 || who.status === 401, `the status ${who.status}`)
      t.ok(isReasonCode(who.code), `the reason code '${who.code}'`)
    }
  })

  test('it hides every header that belongs to it', async (t, { valid, proofs = {} }, read) => {
    const who = await read(valid)
    const hides = who !== null && 'hides' in who ? (who.hides ?? []) : []
    for (const name of hides) t.ok(name === name.toLowerCase(), `the name '${name}' is lower-case`)
    for (const name of Object.keys(proofs)) t.ok(hides.includes(name), `it hides ${name}`)
  })

  test('a stranger costs little, whatever is sent', async (t, { credential, invalid }, read) => {
    const isBearer = credential.from === 'header' && credential.headers[0] === 'authorization'
    const texts = HARD_TEXTS.map((text) => (isBearer ? 'Bearer ' : '') + text)
    for (const value of [...invalid, ...(credential.from === 'certificate' ? [] : texts)]) {
      const shown = shownOf(value)
      const { ms, result } = cpuMs(() => read(value))
      t.ok(ms < MOST_CPU_MS, `${shown}: ${ms} ms of work`)
      await inTime(Promise.resolve(result), `read of ${shown}`, 2_000)
    }
  })

  test('it responds alike to strangers whether an app exists or not', async (t, { credential }) => {
    const asked = { code: 'session_ended', target: '/', userAgent: 'curl/8.14.1', maxAgeMs: null }
    if (credential.from !== 'header') return void t.ok(true, 'it answers nothing')
    const { challenge, document } = credential
    for (const status of [401, 403])
      for (const presented of [true, false]) {
        const [one, other] = ORIGINS.map((origin) => {
          const text = challenge?.({ ...asked, origin, status, presented }) ?? null
          const fits =
            text === null || (isHeaderLine('WWW-Authenticate', text) && /^[\w!#$%&'*+.^`|~-]+/.test(text))
          t.ok(fits, `the challenge ${JSON.stringify(text)} is one`)
          return text?.replaceAll(origin, 'ORIGIN').replaceAll(new URL(origin).host, 'HOST')
        })
        t.ok(one === other, `${status}: ${one} and ${other}`)
      }
    for (const origin of ORIGINS) {
      const shown = document?.of(origin, undefined) ?? null
      t.ok(typeof shown === 'object', 'a document is an object')
      JSON.stringify(shown)
    }
  })
}
