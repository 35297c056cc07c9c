import type { Caller } from '../api/admission.ts'
import type { CredentialRequest, HeaderCredential } from '../api/credentials.ts'
import { hubPartChecks } from '../hub/plugins.ts'
import { isHeaderLine } from '../wire/header-line.ts'
import { type ConformTest, inTime } from './conformance-test.ts'
import { cpuMs, HARD_TEXTS, MOST_CPU_MS } from './stranger-work.ts'

/** A credential in a header, with values of it. */
export interface CredentialUnderTest {
  readonly credential: HeaderCredential
  /** A value that is accepted now. */
  readonly valid: string
  /** Values of its form that are not accepted: unknown, forged, ended. At least one. */
  readonly invalid: readonly string[]
  /** Values that are not its own; default: those of other schemes if the header is `authorization`, else none. */
  readonly foreign?: readonly string[]
  /** Other headers of the entry that belong to the value, such as a proof of possession, by lower-case name. */
  readonly proofs?: Readonly<Record<string, string>>
  close(): Promise<void>
}

const SESSIONS = ['app', 'cert', 'hub', 'token']
const OTHER_SCHEMES = [
  '',
  'Basic dXNlcjpwYXNz',
  'Bearer',
  'Bearer a-token-of-the-application',
  'Negotiate YII=',
]
const ORIGINS = ['https://wiki.apps.example.com', 'https://no-such-app.apps.example.com']

/**
 * Checks a credential in a header: it recognises what is its own and nothing else, never gives a credential that is not
 * valid to the app, hides all that belongs to it, costs strangers little, and tells nobody which apps exist. `open` creates
 * an entry of the slot `credentials`.
 */
export function conformCredential(t: ConformTest, open: () => Promise<CredentialUnderTest>): void {
  type Read = (value: string) => Caller | null | Promise<Caller | null>
  const withEntry = async (run: (under: CredentialUnderTest, read: Read) => Promise<void>): Promise<void> => {
    const under = await inTime(open(), 'open')
    const { credential, proofs = {} } = under
    const [header = ''] = credential.headers
    const read: Read = (value) => {
      const lines: Readonly<Record<string, string>> = { ...proofs, [header]: value }
      const request: CredentialRequest = {
        ...{ method: 'GET', url: `${ORIGINS[0]}/`, clientIp: '203.0.113.7' },
        header: (name) => (Object.hasOwn(lines, name) ? [lines[name] as string] : []),
      }
      return credential.read(value, request)
    }
    try {
      await run(under, read)
    } finally {
      await under.close()
    }
  }

  t.test('it has a name, and headers that may carry a credential', async (t) => {
    await withEntry(async ({ credential }) => {
      const fault = hubPartChecks.credentials?.(credential) ?? null
      t.ok(fault === null, fault ?? 'valid')
    })
  })

  t.test('its own value stands for a session, again and again', async (t) => {
    await withEntry(async ({ credential, valid }, read) => {
      for (const turn of ['first', 'second']) {
        const who = await inTime(Promise.resolve(read(valid)), 'read')
        const kinds = credential.at === 'api' ? [...SESSIONS, 'subject'] : SESSIONS
        t.ok(who !== null && kinds.includes(who.kind), `the ${turn} time: ${who?.kind ?? 'not recognised'}`)
      }
    })
  })

  t.test('values of others are left to the app', async (t) => {
    await withEntry(async ({ credential, foreign }, read) => {
      const others = foreign ?? (credential.headers[0] === 'authorization' ? OTHER_SCHEMES : [])
      for (const value of others)
        t.ok((await read(value)) === null, `${JSON.stringify(value)} is not its own`)
    })
  })

  t.test('a value of its form that is not valid is refused, and not left to the app', async (t) => {
    await withEntry(async ({ valid, invalid }, read) => {
      const accepted = JSON.stringify(await read(valid))
      t.ok(invalid.length > 0, 'there are such values')
      for (const value of invalid) {
        const who = await read(value)
        t.ok(who !== null, `${JSON.stringify(value)} does not reach the app`)
        t.ok(JSON.stringify(who) !== accepted, `${JSON.stringify(value)} is not the accepted caller`)
        if (who?.kind !== 'refused') continue
        t.ok(who.status === 400 || who.status === 401, `the status ${who.status}`)
        t.ok(/^[a-z][a-z0-9_]{0,63}$/.test(who.code), `the reason code '${who.code}'`)
      }
    })
  })

  t.test('it hides every header that belongs to it', async (t) => {
    await withEntry(async ({ valid, proofs = {} }, read) => {
      const who = await read(valid)
      const hides = who !== null && 'hides' in who ? (who.hides ?? []) : []
      for (const name of hides) t.ok(name === name.toLowerCase(), `the name '${name}' is lower-case`)
      for (const name of Object.keys(proofs)) t.ok(hides.includes(name), `it hides ${name}`)
    })
  })

  t.test('a stranger costs little, whatever is sent', async (t) => {
    await withEntry(async ({ credential, invalid }, read) => {
      const scheme = credential.headers[0] === 'authorization' ? 'Bearer ' : ''
      for (const value of [...invalid, ...HARD_TEXTS.map((text) => scheme + text)]) {
        const shown = JSON.stringify(value.slice(0, 40))
        const { ms, result } = cpuMs(() => read(value))
        t.ok(ms < MOST_CPU_MS, `${shown}: ${ms} ms of work`)
        await inTime(Promise.resolve(result), `read of ${shown}`, 2_000)
      }
    })
  })

  t.test('what it answers before anybody is known does not tell which apps exist', async (t) => {
    const asked = { code: 'session_ended', target: '/', userAgent: 'curl/8.14.1' }
    await withEntry(async ({ credential: { challenge, document } }) => {
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
  })
}
