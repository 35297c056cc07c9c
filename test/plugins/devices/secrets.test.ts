// together: quick
/** Reading of the secrets, paths and places of devices, without a hub. */
import { randomBytes, randomInt } from 'node:crypto'
import { conformCredential } from '@mezite/core/testing'
import type { HeaderCredential } from '@mezite/core/types'
import t from 'tap'
import { deviceCredentials } from '../../../plugins/devices/credential.ts'
import { isInside, pathsIn } from '../../../plugins/devices/paths.ts'
import { inOwnHeader, inSharedHeader, PREFIX } from '../../../plugins/devices/secret.ts'
import { networkOf, programOf } from '../../../plugins/devices/uses.ts'

const TOKEN = 'A'.repeat(43)
const SECRET = PREFIX + TOKEN
const basic = (text: string) => `Basic ${Buffer.from(text, 'latin1').toString('base64')}`

const [own, shared] = deviceCredentials({
  sessions: {
    find: (_kind, token) => (token === TOKEN ? ({ id: 'one' } as ReturnType<typeof find>) : undefined),
  },
  catalog: { byHost: () => undefined },
  store: { byId: () => undefined },
  uses: { note: () => {} },
}) as [HeaderCredential, HeaderCredential]
declare function find(): Exclude<
  Awaited<ReturnType<Parameters<typeof deviceCredentials>[0]['sessions']['find']>>,
  undefined
>

conformCredential(t, async () => ({
  credential: own,
  valid: SECRET,
  invalid: [PREFIX + 'B'.repeat(43), PREFIX, 'x', `${SECRET} `, ''],
  close: async () => {},
}))
conformCredential(t, async () => ({
  credential: shared,
  valid: basic(`device:${SECRET}`),
  invalid: [
    basic(`device:${PREFIX}${'B'.repeat(43)}`),
    basic(`device:${SECRET}x`),
    `Bearer ${SECRET}`,
    `Digest username="${SECRET}"`,
    SECRET,
    basic(SECRET),
    basic(`${SECRET}:${SECRET}`),
  ],
  close: async () => {},
}))

t.test('R190 no line of a stranger makes it fail, or lets a secret through', (t) => {
  const parts = ['basic', 'Basic ', ' ', '\t', ':', '=', SECRET, PREFIX, 'é', '\0', ',', 'Bearer ']
  for (let turn = 0; turn < 20_000; turn++) {
    const pieces = Array.from({ length: randomInt(1, 8) }, () => {
      const kind = randomInt(4)
      if (kind === 0) return randomBytes(randomInt(1, 40)).toString('latin1')
      if (kind === 1) return randomBytes(randomInt(1, 40)).toString('base64')
      if (kind === 2) return Buffer.from(`${SECRET}:${randomInt(9)}`).toString('base64')
      return parts[randomInt(parts.length)] as string
    })
    const line = pieces.join('')
    const found = inSharedHeader(line)
    if (line.includes(PREFIX) && found === null) t.fail(`let through: ${JSON.stringify(line)}`)
    if (found !== null && typeof found === 'object' && found.token !== TOKEN) t.fail(JSON.stringify(line))
    const alone = inOwnHeader(line)
    if ((line === SECRET) !== (typeof alone === 'object')) t.fail(JSON.stringify(line))
  }
  t.equal(inSharedHeader(`Basic ${'A'.repeat(1_000_000)}`), null)
  t.end()
})

t.test('paths are taken as they are written, and nothing else is inside', (t) => {
  t.same(pathsIn('/dav\n\n /.well-known/caldav \n/dav'), ['/dav', '/.well-known/caldav'])
  t.same(pathsIn(''), [])
  for (const wrong of [
    'dav',
    '/a b',
    '/a?b',
    '/a#b',
    '/%41',
    '/a//b',
    '/.',
    '/a/..',
    '/a\\b',
    `/${'a'.repeat(200)}`,
  ])
    t.equal(pathsIn(wrong), null, wrong)
  t.equal(pathsIn(Array.from({ length: 21 }, (_, n) => `/${n}`).join('\n')), null)
  t.equal(isInside(['/dav'], [['dav', 'x']]), true)
  t.equal(isInside(['/dav/'], [['dav']]), true)
  t.equal(isInside(['/'], [['anything']]), true)
  for (const readings of [null, undefined, [], [['davx']], [['dav'], ['api']], [['x', 'dav']], [[]]])
    t.equal(isInside(['/dav'], readings), false, JSON.stringify(readings))
  t.end()
})

t.test('a network is what one owner gets, and an update is the same program', (t) => {
  t.equal(networkOf('203.0.113.7'), networkOf('203.0.113.200'))
  t.not(networkOf('203.0.113.7'), networkOf('203.0.114.7'))
  t.equal(networkOf('2001:db8:1::5'), networkOf('2001:db8:1:ffff::9'))
  t.not(networkOf('2001:db8:1::5'), networkOf('2001:db8:2::5'))
  t.equal(networkOf('::1'), '0:0:0')
  t.equal(programOf('DAVx5/4.5.5-ose Android/16'), programOf('DAVx5/4.6-ose Android/17'))
  t.not(programOf('DAVx5/4.5'), programOf('curl/8.14.1'))
  t.end()
})
