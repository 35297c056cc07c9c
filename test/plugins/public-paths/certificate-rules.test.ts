// together: quick
/** Rules about certificates of clients, and the authorities in the configuration. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { conformVerifier } from '@mezite/core/testing'
import type { UnidentifiedRequest } from '@mezite/core/types'
import t from 'tap'
import { checkConfig } from '../../../core/kernel/config-check.ts'
import { AuthorityFile } from '../../../plugins/public-paths/authority.ts'
import { findingsOf } from '../../../plugins/public-paths/open-paths.ts'
import { AppPublicPaths } from '../../../plugins/public-paths/rules.ts'
import { clientAuthorities } from './client-authorities.ts'
import { AUTHORITIES, HOOK, NOW, open, SECRETS } from './open-verifier.ts'

type Certificate = NonNullable<UnidentifiedRequest['certificate']>

const rule = (names: readonly string[], more = {}) => ({
  ...HOOK,
  verify: { client_certificate: { ca: 'partners', names } },
  ...more,
})
const shown = (names: readonly string[], more: Partial<Certificate> = {}) => ({
  certificate: Object.freeze({
    subject: 'CN=ci',
    fingerprint256: 'ab'.repeat(32),
    names,
    validFrom: (NOW - 60) * 1_000,
    validTo: (NOW + 60) * 1_000,
    authorities: AUTHORITIES.get('partners')!.pems,
    ...more,
  }),
})

conformVerifier(t, async () => {
  const { request, verifier } = open([rule(['dns:ci.example.com'], { rate: '99999/s' })])
  const sentWith = (more: object) => ({ request: request('/hook', [], more), body: Buffer.from('{}') })
  const names = ['dns:ci.example.com']
  return {
    verifier,
    sent: sentWith(shown(names)),
    proofs: [],
    old: sentWith(shown(names, { validTo: (NOW - 1) * 1_000 })),
    close: async () => {},
  }
})

t.test('U232 a name fits by its kind and as a whole, and a wildcard is one label', async (t) => {
  const outcome = (pattern: string, ...names: string[]) =>
    open([rule([pattern])]).send('/hook', [], '', shown(names))
  for (const [pattern, ...names] of [
    ['dns:ci.example.com', 'dns:other.example.com', 'dns:ci.example.com'],
    ['dns:*.example.com', 'dns:ci.example.com'],
    ['uri:spiffe://example.com/ci', 'uri:spiffe://example.com/ci'],
    ['email:ann@example.com', 'email:ann@example.com'],
  ] as const)
    t.equal(await outcome(pattern, ...names), 'admitted', `${pattern} ${names}`)
  for (const [pattern, ...names] of [
    ['dns:ci.example.com'],
    ['dns:ci.example.com', 'uri:ci.example.com', 'email:ci.example.com', 'ci.example.com'],
    [
      'dns:ci.example.com',
      'dns:ci.example.com.',
      'dns:xci.example.com',
      'dns:ci.example.com.x',
      'dns:*.example.com',
    ],
    ['dns:*.example.com', 'dns:example.com', 'dns:a.b.example.com', 'dns:.example.com', 'dns:*.example.com'],
    ['dns:*.example.com', 'dns:ci.example.org', 'dns:cixexample.com', 'uri:ci.example.com'],
    ['uri:spiffe://example.com/ci', 'uri:spiffe://example.com/ci/x', 'uri:SPIFFE://example.com/ci'],
    ['email:ann@example.com', 'email:Ann@example.com', 'dns:ann@example.com'],
  ] as const)
    t.equal(await outcome(pattern, ...names), 'verification_failed', `${pattern} ${names}`)
})

t.test('U232 a certificate counts while it is valid, by the list of authorities of now', async (t) => {
  const names = ['dns:ci.example.com']
  const { clock, proxied, send, verifier, app } = open([rule(names)])
  const outcome = (more: object) => send('/hook', [], '', more)
  t.equal(await outcome(shown(names)), 'admitted')
  t.strictSame(verifier.clientCas?.(app), ['the root of partners'])
  t.equal(verifier.clientCas?.(app), AUTHORITIES.get('partners')!.pems, 'the same list each time')
  for (const [what, more] of Object.entries({
    'by the same text in another list': { authorities: ['the root of partners'] },
    'by another authority': { authorities: AUTHORITIES.get('ended')!.pems },
    'not yet valid': { validFrom: (NOW + 1) * 1_000 },
    'no longer valid': { validTo: NOW * 1_000 - 1 },
    'with dates that cannot be read': { validFrom: Number.NaN, validTo: Number.NaN },
  }))
    t.equal(await outcome(shown(names, more)), 'verification_failed', what)
  t.equal(await outcome({}), 'closed', 'none')
  t.equal(await outcome({ certificateFault: 'CERT_HAS_EXPIRED' }), 'verification_failed')
  t.equal(proxied.size, 0)
  t.equal(await outcome({ certificateFault: 'TRUSTED_PROXY' }), 'closed')
  t.equal(proxied.size, 1)
  clock.advance(60_001)
  t.equal(await outcome(shown(names)), 'verification_failed', 'while its connection is open')
})

t.test('a certificate that one rule refuses may fit another one, or need none', async (t) => {
  const rules = [
    rule(['dns:a.example.com'], { name: 'a' }),
    rule(['dns:b.example.com'], { name: 'b', rate: '2/m' }),
    { ...HOOK, name: 'near', verify: { networks: ['192.0.2.0/24'] } },
  ]
  const { request, send, verifier } = open(rules)
  const ruleOf = (more: object) => verifier.verify(request('/hook', [], more))
  t.match(ruleOf(shown(['dns:b.example.com'])), { rule: 'b', refuse: undefined })
  t.match(ruleOf(shown(['dns:c.example.com'])), { rule: 'a', refuse: 'verification_failed' })
  t.match(ruleOf({ ...shown(['dns:c.example.com']), clientIp: '192.0.2.1' }), {
    rule: 'near',
    refuse: undefined,
  })
  t.equal(await send('/hook', [], '', shown(['dns:b.example.com'])), 'verification_failed', 'beyond its rate')
  t.strictSame(open([rules[2]!]).verifier.clientCas?.(open([rules[2]!]).app), [], 'nobody is asked')
  const unknown = open([
    { ...HOOK, verify: { client_certificate: { ca: 'nobody', names: ['dns:a.example.com'] } } },
  ])
  t.strictSame(unknown.verifier.clientCas?.(unknown.app), [], 'an authority that is not configured')
  t.equal(await unknown.send('/hook', [], '', shown(['dns:a.example.com'])), 'verification_failed')
})

t.test('a document says whose certificates it means, without a doubt', async (t) => {
  const faultsOf = (...rules: readonly object[]) =>
    checkConfig(AppPublicPaths, { rules })
      .problems.map(({ message }) => message)
      .join()
  const certificate = (value: unknown) => ({ ...HOOK, verify: { client_certificate: value } })
  t.equal(
    faultsOf(certificate({ ca: 'partners', names: ['dns:ci.example.com'] })),
    '',
    'as an example that is valid',
  )
  for (const names of [
    ...[undefined, [], ['ci.example.com'], ['*'], ['dns:'], ['dns:*'], ['dns:CI.example.com'], ['cn:ci']],
    ...[['dns:a.*.example.com'], ['dns:*ci.example.com'], ['dns:ci.example.com.'], ['dns:ci..com']],
    ...[['uri:spiffe://example.com/*'], ['uri:'], ['uri:example'], ['email:*@example.com'], ['email:ann']],
    ...[['dns:ci.example.com\n'], ['uri:x://a b'], ['uri:x://a"b'], 'dns:ci.example.com'],
  ])
    t.not(faultsOf(certificate({ ca: 'partners', names })), '', JSON.stringify(names))
  const names = ['dns:ci.example.com']
  for (const ca of [undefined, '', 'A', ['partners'], { file: '/etc/ca.pem' }])
    t.not(faultsOf(certificate({ ca, names })), '', JSON.stringify(ca))
  t.match(
    faultsOf(certificate({ ca: 'partners', names }), {
      ...certificate({ ca: 'others', names }),
      name: 'other',
    }),
    /partners and others; the hosts of an app ask for one/,
  )
})

t.test('operators see rules about certificates that admit nobody', (t) => {
  const { app, compiled } = open([rule(['dns:ci.example.com'])])
  const found = (ca: string, more = {}, about = app) =>
    findingsOf(about, {
      rulesOf: () => compiled.map((one) => ({ ...one, check: { ...one.check, ca } }) as typeof one),
      ...{ authorities: AUTHORITIES, secrets: SECRETS, proxied: new Set<string>(), now: NOW * 1_000 },
      ...more,
    }).map(({ message }) => message)
  t.strictSame(found('partners'), [])
  t.match(found('nobody'), [/authorities has no nobody/])
  t.match(found('ended'), [/a certificate of ended ended at 2023-/])
  t.match(found('partners', { proxied: new Set([app.id]) }), [/a proxy ends TLS/])
  t.match(found('partners', {}, { ...app, uri: 'none' }), [/a proxy ends TLS/])
  t.end()
})

t.test('the file of an authority has certificates of authorities, and nothing else', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mezite-authority-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const made = clientAuthorities(folder)
  const textOf = (name: string) => made.read(name)
  const read = (text: string, mode = 0o644) => {
    const file = join(folder, 'authority.pem')
    writeFileSync(file, text)
    chmodSync(file, mode)
    const { value, problems } = checkConfig(AuthorityFile, { file })
    return problems[0]?.message ?? (value as { pems: readonly string[] }).pems.length
  }
  t.equal(read(textOf('partners')), 1)
  t.equal(read(`# of 2026\n${textOf('partners')}\n${textOf('branch')}${textOf('strangers')}`), 3)
  t.match(read(textOf('partners'), 0o666), /everybody can write/)
  t.match(read(textOf('branch')), /lacks the root/)
  t.match(read(textOf('right')), /not of an authority/)
  t.match(read(textOf('partners') + textOf('right')), /not of an authority/)
  t.match(read(made.right.key), /private key/)
  t.match(read(''), /one to 16 certificates/)
  t.match(read('x'), /one to 16 certificates/)
  t.match(read(textOf('partners').repeat(17)), /one to 16 certificates/)
  t.match(read(textOf('partners').replace('-----END', '----END')), /one to 16 certificates/)
  t.equal(typeof read(textOf('partners').replace(/\n[A-Za-z0-9]{20}/, '\nAAAAAAAAAAAAAAAAAAAA')), 'string')
  t.match(read('x'.repeat(70_000)), /larger than/)
  for (const value of [{ file: 'ca.pem' }, { file: '/nowhere/ca.pem' }, {}, { env: 'CA' }, '/etc/ca.pem'])
    t.ok(checkConfig(AuthorityFile, value).problems.length > 0, JSON.stringify(value))
  t.end()
})
