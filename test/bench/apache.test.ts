import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Children } from './children.ts'
import { findProgram } from './programs-needed.ts'
import { startApache } from './targets/apache.ts'
import { makeCertificate } from './targets/certificate.ts'

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

t.test(
  'the bench compares with Apache that signs the identity and Apache that does not, and names the duties of each',
  { skip: findProgram('apache2') === null && 'apache2 is not installed' },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'mezite-apache-'))
    const children = new Children()
    t.teardown(async () => {
      await children.stop()
      rmSync(dir, { recursive: true, force: true })
    })
    const app = createServer((request, response) => response.end(JSON.stringify(request.headers)))
    await once(app.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => app.close())
    const upstreamPort = (app.address() as AddressInfo).port
    for (const signs of [true, false]) {
      const options = { ...makeCertificate(dir), name: 'Apache', dir, upstreamPort, signs, tunnel: false }
      const { target, visitor, issuer } = await startApache(children, options)
      t.teardown(() => issuer.close())
      const page = await (await visitor()).fetch(`https://baseline.localhost:${target.port}/`)
      const headers = JSON.parse(page.text) as Record<string, string>
      t.equal(headers.oidc_claim_email, 'alice@example.com', 'claims as headers')
      const tokens = Object.values(headers).filter((value) => JWT.test(value) && value.length > 100)
      t.equal(tokens.length > 0, signs, `a signed token: ${signs}`)
      t.match(target.name, signs ? 'signed identity' : 'unsigned identity')
      t.match(target.includes, signs ? 'a token signed for each request' : 'unsigned headers')
    }
  },
)
