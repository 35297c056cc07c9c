// together: quick
import { DialRefusal } from '@mezite/core'
import t from 'tap'
import { createAllowList } from '../../agent/allow-list.ts'
import { dialApp } from '../../agent/app-dialer.ts'

const target = (uri: string) => ({
  app: 'app',
  uri,
  tls: { verify: true, serverName: null, ca: null },
  connectMs: 2_000,
})

t.test(
  'J134 link-local and metadata addresses are refused by default, however they are written',
  async (t) => {
    const allow = createAllowList(undefined)
    for (const host of [
      '169.254.169.254',
      '[::ffff:169.254.169.254]',
      '[::ffff:a9fe:a9fe]',
      '[fe80::1]',
      '[fd00:ec2::254]',
      '[64:ff9b::a9fe:a9fe]',
      '0xa9fea9fe',
      '2852039166',
      '0251.0376.0251.0376',
    ]) {
      for (const scheme of ['http', 'tcp']) {
        await t.rejects(
          dialApp(target(`${scheme}://${host}:80`), allow),
          /apps\.allow|target_not_allowed/,
          host,
        )
      }
    }
  },
)

t.test('J134 an agent does not dial other schemes', async (t) => {
  for (const uri of ['file:///etc/passwd', 'unix:/run/x.sock', 'tcp://127.0.0.1', 'tcp://:1', 'x']) {
    const refused = dialApp(target(uri), createAllowList(undefined)).catch((error) => error)
    t.match(await refused, { reason: 'uri_invalid' }, uri)
  }
})

t.test('J133 J134 an allow-list is judged on the connected address', async (t) => {
  const allow = createAllowList(['10.0.3.0/24:*', 'localhost:3000', '[::1]:443'])
  t.equal(allow.admits('db.internal', '10.0.3.7', 5432), true)
  t.equal(allow.admits('db.internal', '10.0.4.7', 5432), false)
  t.equal(allow.admits('x', '::ffff:10.0.3.7', 1), true)
  t.equal(allow.admits('localhost', '127.0.0.1', 3000), true)
  t.equal(allow.admits('localhost', '127.0.0.1', 3001), false)
  t.equal(allow.admits('127.0.0.1', '127.0.0.1', 3000), false)
  t.equal(allow.admits('localhost', '169.254.169.254', 3000), false, 'a name never opens metadata addresses')
  t.equal(allow.admits('::1', '::1', 443), true)
  t.equal(createAllowList(['169.254.1.1:80']).admits('x', '169.254.1.1', 80), true, 'but its address does')
  await t.rejects(dialApp(target('http://0x7f.1:3000'), allow), DialRefusal, '0x7f.1 is 127.0.0.1')
})

t.test(
  'by default metadata, link-local, multicast and unspecified addresses are refused in every form',
  (t) => {
    const all = createAllowList(undefined)
    const refused = [
      ...[
        '169.254.0.1',
        '169.254.169.254',
        '169.254.255.255',
        '100.100.100.200',
        '168.63.129.16',
        '192.0.0.192',
      ],
      ...['0.0.0.0', '224.0.0.1', '239.255.255.250', '255.255.255.255'],
      ...['::', 'fe80::1', 'febf::1', 'fd00:ec2::254', 'fd00:ec2:ffff::1', 'fd20:ce::254', 'ff02::1'],
      ...['::ffff:169.254.169.254', '::169.254.169.254', '64:ff9b::169.254.169.254', '64:ff9b::224.0.0.1'],
      ...[
        '::ffff:0:169.254.169.254',
        '::ffff:0:6464:64c8',
        '2001:0:4136:e378:8000:63bf:5601:5601',
        '2001::1',
      ],
      ...['2001:db8::5efe:169.254.169.254', '2001:db8:1:2:200:5efe:a9fe:a9fe', 'fd00::200:5efe:6464:64c8'],
      ...['2001:db8:1:2:0:5efe:e000:1', 'fe80::5efe:a9fe:a9fe%eth0'],
      ...['2002:a9fe:a9fe::1', '2002:a9fe:1:2:3::', '2002:6464:64c8::', '64:ff9b:1::1', '::ffff:0.0.0.0'],
    ]
    for (const address of refused) t.equal(all.admits('x', address, 80), false, address)
    for (const address of [
      '10.0.0.1',
      '127.0.0.1',
      '::1',
      'fd00::1',
      '64:ff9b::10.0.0.1',
      '2002:a00:1::1',
      '2001:db8::1',
      '::ffff:0:10.0.0.1',
      '2001:db8::5efe:10.0.0.1',
      '2001:db8::5eff:169.254.169.254',
      '2001:db8::1:5efe:169.254.169.254',
      '2001:db8:5efe::a9fe:a9fe',
    ])
      t.equal(all.admits('x', address, 80), true, address)
    t.equal(
      createAllowList(['[fe80::]/10:*'].map((each) => each.replace(/[[\]]/g, ''))).admits('x', 'fe80::1', 80),
      true,
    )
    t.end()
  },
)

t.test('an unreadable entry stops the start', async (t) => {
  for (const entry of ['localhost', '10.0.0.0/33:1', 'a/8:1', ':1', 'x:99999', 'x:http', '']) {
    t.throws(() => createAllowList([entry]), { code: 'MEZ_ALLOW_INVALID' }, entry)
  }
})
