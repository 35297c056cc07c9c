// together: quick
/** What an identity file must contain, and how it is written. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseProxy } from '@mezite/cli'
import t from 'tap'
import { createUserKey, readIdentityFile, writeIdentityFile } from '../../oclif-cli/shared/identity.ts'
import { makeAuthority } from './stand-in-authorities.ts'

const dir = mkdtempSync(join(tmpdir(), 'msh-identity-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const file = join(dir, 'ci.pem')
const [hubCa, userCa] = await Promise.all(['Hub', 'Users'].map(makeAuthority))
const { key, publicKey } = createUserKey()
const expires = Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000
const user = 'zoë\n@example.com'
const session = '01a2107c-c32f-7695-9ae1-b1e3c3ce02fb'
const uri = `mezite://test/user/${encodeURIComponent(user)}?session=${session}`
const certificate = await userCa!.user(publicKey, uri, expires)
const proxy = parseProxy('hub.example.com:8443')
const given = { key, certificate, hubCa: hubCa!.pem, proxy, user, expires }
writeIdentityFile(file, given)
const whole = readFileSync(file, 'utf8')

t.test('a written identity file is read back, and is enough by itself', async (t) => {
  t.equal(statSync(file).mode & 0o777, 0o600)
  const read = readIdentityFile(file, null)
  t.match(read, { user, cluster: 'test', expires, sessionId: session, token: null, ca: null, file })
  t.equal(read.proxy.name, proxy.name)
  for (const [name, pem] of Object.entries({ key, certificate, hubCa: hubCa!.pem }))
    t.equal((read as unknown as Record<string, string>)[name]?.trim(), pem.trim(), name)
  t.equal(
    whole.slice(0, whole.indexOf('-----')).trim().split('\n').length,
    4,
    'no name makes a line of its own',
  )
  t.equal(readIdentityFile(file, parseProxy('other.example.com')).proxy.name, 'other.example.com')
})

t.test('a file that lacks something, or has it twice, is refused', async (t) => {
  const [head, ownKey, own, authority] = whole.split(/(?=-----BEGIN)/) as [string, string, string, string]
  const refused = (text: string, message: RegExp, more: object = {}) => {
    writeFileSync(file, text, { mode: 0o600 })
    t.throws(() => readIdentityFile(file, null), { code: 'MEZ_IDENTITY_INVALID', message, ...more })
  }
  refused(head + own + authority, /contains 0 private keys/)
  refused(head + ownKey + ownKey + own + authority, /contains 2 private keys/)
  refused(head + ownKey, /does not begin with a user's certificate/)
  refused(head + ownKey + authority + own, /does not begin with a user's certificate/)
  refused(head + ownKey + own, /does not contain the CA/)
  refused(ownKey + own + authority, /does not name its hub/, { hint: /--proxy/ })
  refused(`${ownKey}${own}${authority}Hub: evil.example\n`, /does not name its hub/)
  rmSync(file)
  t.throws(() => readIdentityFile(file, null), { code: 'MEZ_FILE_UNREADABLE' })
})
