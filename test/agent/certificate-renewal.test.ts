// together: quick
/** The certificate of an agent that the hub does not renew, or renews late. */
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import t from 'tap'
import { createRenewal } from '../../agent/certificate-renewal.ts'
import { makeKeyRequest } from '../../agent/certificate-request.ts'
import type { Identity } from '../../agent/identity-store.ts'
import { fakeClock } from '../../core/testing/fake-clock.ts'
import { memoryLog } from '../../core/testing/memory-log.ts'
import { makeAuthority } from '../oclif-cli/stand-in-authorities.ts'

t.test('a refused renewal is logged once, and again each hour', (t) => {
  const clock = fakeClock()
  const { log, lines } = memoryLog()
  const renewal = createRenewal({
    identity: { current: null } as never,
    send: () => null,
    onRenewed: () => {},
    clock,
    log,
  })
  t.teardown(() => renewal.stop())
  const refusals = () => lines.filter((line) => /refuses to renew/.test(line)).length
  const refuse = (times: number) => {
    for (let turn = 0; turn < times; turn++) {
      renewal.receive({ type: 'renew_refused', code: 'agent_locked' })
      clock.advance(60_000)
    }
  }
  refuse(60)
  t.equal(refusals(), 1, 'within an hour')
  refuse(1)
  t.equal(refusals(), 2, 'after an hour')
  refuse(59)
  t.equal(refusals(), 2)
  refuse(1)
  t.equal(refusals(), 3, 'after two')
  t.match(lines[0], /warn.*agent_locked/i)
  t.end()
})

t.test('a certificate for the key of an earlier request is not stored', async (t) => {
  const ca = await makeAuthority('Agents')
  const certify = (csr: string, notAfter = Date.now() + 60_000) =>
    ca.user(
      new x509.Pkcs10CertificateRequest(csr).publicKey.toString('pem'),
      'mezite://test/agent/a',
      notAfter,
    )
  const [first, earlier] = [await makeKeyRequest('a'), await makeKeyRequest('a')]
  const current = {
    hostname: 'a',
    clusterName: 'test',
    hubCa: [],
    key: first.key,
    certificate: await certify(first.csr, Date.now() - 1_000),
  }
  const stored: Identity[] = []
  const asked = Promise.withResolvers<string>()
  const { log, lines } = memoryLog()
  const renewal = createRenewal({
    identity: { current, replace: (identity: Identity) => stored.push(identity) } as never,
    send: () => (message) => asked.resolve((message as { csr: string }).csr),
    onRenewed: () => {},
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    log,
  })
  t.teardown(() => renewal.stop())
  renewal.check()
  const csr = await asked.promise
  for (const certificate of [await certify(earlier.csr), 'no certificate'])
    renewal.receive({ type: 'certificate', certificate })
  t.strictSame(stored, [])
  t.match(lines, [/certificate not renewed/, /certificate not renewed/])
  const certificate = await certify(csr)
  renewal.receive({ type: 'certificate', certificate })
  t.match(stored, [{ certificate }], 'the response to the request itself still counts')
})
