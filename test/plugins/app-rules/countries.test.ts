/** `allow.countries` of roles, by databases that the test writes. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryLog } from '@mezite/core/testing'
import t from 'tap'
import { createCountries } from '../../../plugins/app-rules/countries.ts'
import { until } from '../../until.ts'
import { startKeyHub } from '../webauthn/key-hub.ts'
import { countryFile } from './country-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-countries-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const file = join(dir, 'countries.mmdb')
const records = {
  '192.0.2.0/24': { country: { iso_code: 'DE', names: { en: 'Germany' } } },
  '198.51.100.0/25': { country: 'CH', country_code: 'CH' },
  '203.0.113.7/32': { country: 'Austria', country_code: 'AT' },
  '2001:db8::/32': { country: { iso_code: 'FR' } },
  '127.0.0.0/8': { registered_country: { iso_code: 'DE' } },
}

t.test('a database knows the country of addresses, in the forms of the known ones', async (t) => {
  for (const [version, own] of [
    [6, records],
    [4, Object.fromEntries(Object.entries(records).filter(([network]) => !network.includes(':')))],
  ] as const) {
    writeFileSync(file, countryFile(own, version))
    const countries = createCountries(file, memoryLog().log)
    t.equal(countries.of('192.0.2.1'), null, 'before it is read')
    await countries.start()
    for (const [address, country] of [
      ['192.0.2.1', 'DE'],
      ['192.0.3.1', null],
      ['198.51.100.127', 'CH'],
      ['198.51.100.128', null],
      ['203.0.113.7', 'AT'],
      ['203.0.113.8', null],
      ['2001:db8::1', version === 6 ? 'FR' : null],
      // The first bits of this address are those of 192.0.2.1.
      ['c000:201::1', null],
      ['127.0.0.1', null],
      ['10.0.0.1', null],
    ] as const)
      t.equal(countries.of(address), country, `${address} in IPv${version}`)
    countries.stop()
  }
})

t.test('a newer file replaces the one before, and one that cannot be read does not', async (t) => {
  writeFileSync(file, countryFile(records))
  const countries = createCountries(file, memoryLog().log, 20)
  await countries.start()
  t.teardown(() => countries.stop())
  const replace = (bytes: Buffer) => {
    writeFileSync(`${file}.new`, bytes)
    renameSync(`${file}.new`, file)
  }
  replace(countryFile({ '192.0.2.0/24': { country: { iso_code: 'NL' } } }))
  await until(() => countries.of('192.0.2.1') === 'NL', 'the newer file is read')
  replace(Buffer.from('not a database'))
  await until(() => countries.fault !== null, 'the fault is known')
  t.equal(countries.of('192.0.2.1'), 'NL')
  replace(countryFile(records))
  await until(() => countries.of('192.0.2.1') === 'DE', 'a good file is read again')
  t.equal(countries.fault, null)
})

t.test('a hub starts with a readable database only', async (t) => {
  for (const [name, bytes] of [
    ['missing', null],
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('countries')],
    ['cut', countryFile(records).subarray(40)],
  ] as const) {
    const path = join(dir, name)
    if (bytes !== null) writeFileSync(path, bytes)
    const countries = createCountries(path, memoryLog().log)
    await t.rejects(
      countries.start(),
      { message: new RegExp(`country_database: cannot read "${path}"`) },
      name,
    )
    t.equal(countries.of('192.0.2.1'), null)
  }
})

t.test('a role allows from its countries only, and without a database from nowhere', async (t) => {
  writeFileSync(file, countryFile({ '127.0.0.0/8': { country: { iso_code: 'DE' } } }))
  for (const more of [{ 'app-rules': { country_database: file } }, {}]) {
    const { hub, person } = await startKeyHub({}, [], more)
    t.teardown(hub.stop)
    const save = (codes: readonly string[]) =>
      hub.api('PUT', '/roles/inside', {
        kind: 'role',
        version: 'v1',
        metadata: { name: 'inside' },
        spec: { allow: { app_labels: { tier: 'vault' }, countries: { codes } } },
      })
    await save(['DE', 'AT'])
    const { visitor } = await person('dora', ['inside'])
    const open = async () => {
      const { status, text } = await visitor.fetch(`${hub.appUrl('vault')}/`, {
        headers: { accept: 'application/json' },
      })
      return `${status} ${/"code":"(\w+)"/.exec(text)?.[1]}`
    }
    await visitor.open(`${hub.appUrl('vault')}/`)
    if (more['app-rules']) {
      // No agent runs: a request that the gate admits ends with 502.
      t.match(await open(), '502 ')
      await save(['AT', 'FR'])
      t.equal(await open(), '403 address_not_allowed')
      await save(['DE'])
      t.match(await open(), '502 ')
      const { votes } = await hub.api<{ votes: object[] }>('GET', '/access/explain?user=dora&app=vault')
      t.ok(votes.some((vote) => Object(vote).matcher === 'countries'))
    } else {
      const { attention } = await hub.api<{ attention: { subject: string; message: string }[] }>(
        'GET',
        '/status',
      )
      t.match(attention.find(({ subject }) => subject === 'role inside')?.message, /allows nothing/)
      const denied = await visitor.open(`${hub.appUrl('vault')}/`)
      t.match(denied.text, /address_not_allowed/)
    }
  }
})
