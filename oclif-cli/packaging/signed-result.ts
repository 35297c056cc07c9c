/** Results of `npm run plugin-check`, signed as DSSE envelopes (https://github.com/secure-systems-lab/dsse). */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { signedBytes } from '../../agent/updates/release.ts'
import type { SuiteResult } from './plugin-suites.ts'

export const RESULT_TYPE = 'https://mezite.dev/plugin-check/v1'
const PAYLOAD_TYPE = 'application/vnd.in-toto+json'

/** What was found about a version of a package, as an in-toto statement. */
export interface CheckStatement {
  readonly _type: 'https://in-toto.io/Statement/v1'
  readonly predicateType: typeof RESULT_TYPE
  /** The tarball, as npm names and hashes it. */
  readonly subject: readonly [{ readonly name: string; readonly digest: { readonly sha512: string } }]
  readonly predicate: SuiteResult & {
    readonly package: string
    readonly version: string
    /** Of Mezite and Node.js. */
    readonly against: { readonly mezite: string; readonly node: string }
    /** Day of the check, such as 2026-12-01. */
    readonly checked: string
    readonly declared: {
      readonly status?: unknown
      readonly readsStrangers?: unknown
      readonly fuzzed?: unknown
      readonly rights?: unknown
    }
  }
}

export interface Envelope {
  readonly payloadType: string
  readonly payload: string
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[]
}

/** SHA-256 of a public key in SPKI form, in hexadecimal. */
export const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')

/** @param key a private Ed25519 key */
export function signResult(statement: CheckStatement, key: KeyObject): Envelope {
  const body = Buffer.from(JSON.stringify(statement))
  const sig = sign(null, signedBytes(body, PAYLOAD_TYPE), key).toString('base64')
  return {
    payloadType: PAYLOAD_TYPE,
    payload: body.toString('base64'),
    signatures: [{ keyid: keyIdOf(createPublicKey(key)), sig }],
  }
}

/** The statement that one of these public keys has signed. Throws if none has, or if it is about something else. */
export function verifiedResult(text: string, trusted: readonly KeyObject[]): CheckStatement {
  const { payloadType, payload, signatures } = JSON.parse(text) as Envelope
  const body = Buffer.from(payload, 'base64')
  const isSigned = signatures.some(({ sig }) =>
    trusted.some((key) => verify(null, signedBytes(body, payloadType), key, Buffer.from(sig, 'base64'))),
  )
  if (!isSigned) throw new Error('no trusted key has signed it')
  const statement = JSON.parse(body.toString()) as CheckStatement
  if (payloadType !== PAYLOAD_TYPE || statement.predicateType !== RESULT_TYPE)
    throw new Error(`it is a ${statement.predicateType}, not the result of a check`)
  return statement
}

const cell = (text: unknown): string =>
  String(text)
    .replace(/[\\`*_{}[\]<>#|]/g, '\\$&')
    .replace(/\s+/g, ' ')

/** The page that lists plugins with their newest checked version. */
export function indexPage(statements: readonly CheckStatement[]): string {
  const newest = new Map<string, CheckStatement['predicate']>()
  for (const { predicate } of statements) {
    const before = newest.get(predicate.package)
    const isNewer = (before?.version ?? '').localeCompare(predicate.version, 'en', { numeric: true }) < 0
    if (before === undefined || isNewer) newest.set(predicate.package, predicate)
  }
  const rows = [...newest.values()]
    .sort((a, b) => (a.package < b.package ? -1 : 1))
    .map(({ package: name, version, declared, rights, rows, notRun, against, checked }) => {
      const failed = rows.filter(({ failure }) => failure !== null)
      const strangers =
        declared.readsStrangers === true
          ? `reads them, ${declared.fuzzed === true ? 'fuzzed' : 'not fuzzed'}`
          : declared.readsStrangers === false
            ? 'reads none'
            : 'not declared'
      const result =
        failed.length > 0
          ? `${failed.length} of ${rows.length} failed: ${failed.map(({ suite, title }) => `${suite}: ${title}`).join('; ')}`
          : `${rows.length} passed${notRun.length > 0 ? `; not run: ${notRun.join('; ')}` : ''}`
      const cells = [name, version, declared.status ?? 'not declared', strangers]
      const use = rights === null ? 'unknown' : rights.join(', ') || 'none'
      return `| ${[...cells, use, result, `${against.mezite}, Node.js ${against.node}`, checked].map(cell).join(' | ')} |`
    })
  return `# Checked plugins

Plugins of others that passed through \`npm run plugin-check\`, each with its newest checked version. The suites find what they look for;
they do not read the code. \`mezhub plugins add PACKAGE\` shows what a package asks for before it is installed.

| package | version | status | bytes of strangers | rights that it uses | suites | with Mezite | checked |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}
`
}
