import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { CertificateSource, CertificateState } from '../api/certificates.ts'
import { type ConformTest, testsWith } from './conformance-test.ts'

/** A started source with certificates for some hosts. */
export interface SourceUnderTest {
  readonly source: CertificateSource
  /** Hosts for which it has a certificate, at least one. */
  readonly ready: readonly string[]
  /** Hosts that it covers without a certificate yet. */
  readonly waiting?: readonly string[]
  close(): Promise<void>
}

/** Names that strangers send, and that no source may cover. */
const FOREIGN = [
  ...[
    'evil.test',
    'localhost',
    'com',
    '',
    '.',
    '..',
    '-',
    '*',
    '*.*',
    '127.0.0.1',
    '::1',
    'xn--',
    '__proto__',
  ],
  ...['constructor', 'a'.repeat(253), `${'a.'.repeat(126)}a`],
]
const FLOOD = 10_000
/** Bytes that a flood of names may leave behind in memory. */
const KEPT = 8 << 20

/**
 * Checks that a source serves matching certificates for the hosts that it covers, costs nothing for names that strangers
 * make up, and proves nothing to an authority unasked. `open` creates and starts a new source.
 */
export function conformCertificates(t: ConformTest, open: () => Promise<SourceUnderTest>): void {
  const test = testsWith(t, open)

  test('it covers its hosts and serves them', (t, { source, ready, waiting = [] }) => {
    t.ok(source.name !== '', 'it has a name')
    t.ok(ready.length > 0, 'there is a host to try')
    for (const host of ready) {
      t.ok(source.covers(host) === true, `it covers ${host}`)
      const found = source.certificateFor(host)
      t.ok(found !== null, `it has a certificate for ${host}`)
      const leaf = new X509Certificate(found!.cert)
      t.ok(leaf.checkPrivateKey(createPrivateKey(found!.key)), 'the key matches the certificate')
      t.ok(leaf.checkHost(host, { subject: 'never', partialWildcards: false }), `it names ${host}`)
      t.ok(source.certificateFor(host) === found, 'it is the same object until it changes')
    }
    for (const host of waiting) {
      t.ok(source.covers(host) === true, `it covers ${host}`)
      t.ok(source.certificateFor(host) === null, `${host} has no certificate yet`)
    }
  })

  test('its states list each certificate', (t, { source, ready }) => {
    const states = source.states()
    const subjects = new Set(states.map(({ subject }) => subject))
    t.ok(subjects.size === states.length, 'each has a subject of its own')
    for (const host of ready) {
      const { notAfter } = validity(source.certificateFor(host)!.cert)
      const listed = states.some((state) => namedBy(state, host) && state.expires === notAfter)
      t.ok(listed, `the state of ${host} says when it expires`)
    }
    t.ok(
      states.every(
        ({ expires, problem }) => expires === null || Number.isFinite(expires) || problem !== null,
      ),
      'expiry is in milliseconds',
    )
  })

  test('foreign names get nothing and leave nothing behind', (t, { source }) => {
    const names = [
      ...FOREIGN,
      ...Array.from({ length: FLOOD }, (_, at) => `${at.toString(36)}.${'x'.repeat(40)}.test`),
    ]
    const before = process.memoryUsage().heapUsed
    const began = performance.now()
    const taken = names.filter(
      (name) => source.covers(name) || source.certificateFor(name) || source.alpnCertificate?.(name),
    )
    const ms = performance.now() - began
    t.ok(taken.length === 0, `no foreign name is taken: ${taken.slice(0, 3).join(', ')}`)
    t.ok(ms < 1_000, `${names.length} names take less than a second: ${Math.round(ms)} ms`)
    const kept = process.memoryUsage().heapUsed - before
    t.ok(kept < KEPT || source.states().length < FLOOD, 'and are not kept')
  })

  test('it answers no challenge that it did not request', (t, { source, ready }) => {
    for (const host of [...ready, ...FOREIGN]) {
      t.ok((source.alpnCertificate?.(host) ?? null) === null, `no proof by TLS for "${host}"`)
      t.ok((source.httpChallenge?.(host, 'token') ?? null) === null, `no proof by HTTP for "${host}"`)
    }
    if (source.alpn !== undefined) {
      t.ok(/^[\x21-\x7e]{1,255}$/.test(source.alpn), 'its ALPN name can be sent')
      t.ok(source.alpnCertificate !== undefined, 'it answers its ALPN name')
    }
  })
}

const validity = (cert: string) => ({ notAfter: new X509Certificate(cert).validToDate.getTime() })

const namedBy = ({ names }: CertificateState, host: string): boolean =>
  names.includes(host) || names.includes(host.replace(/^[^.]+/, '*'))
