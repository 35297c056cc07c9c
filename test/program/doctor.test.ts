// together: hubs
import 'reflect-metadata'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHub, freePort } from '@mezite/core/testing'
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import t from 'tap'
import { stringify } from 'yaml'
import { doctor } from '../../core/program/doctor.ts'

const DAY_MS = 86_400_000
const dir = mkdtempSync(join(tmpdir(), 'mezite-doctor-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

async function settings(name: string, more: Readonly<Record<string, unknown>> = {}) {
  const port = await freePort()
  const config = {
    data_dir: join(dir, name),
    database: { driver: 'embedded' },
    proxy: {
      listen_addr: `127.0.0.1:${port}`,
      public_addr: `hub.mezite.localhost:${port}`,
      apps_domain: 'apps.mezite.localhost',
    },
    ...more,
  }
  const file = join(dir, `${name}.yaml`)
  writeFileSync(file, stringify(config), { mode: 0o600 })
  return { config, file, port }
}

/** The findings by step, and the code of the error. */
async function examine(file: string) {
  let out = ''
  const code = await doctor
    .run(['--config', file], (text) => {
      out += text
    })
    .then(
      () => null,
      (error: { code: string }) => error.code,
    )
  return { out, code }
}

t.test('finds no fault with a running hub, and lists its checks', async (t) => {
  const { config, file } = await settings('running')
  const hub = await createTestHub({ config })
  t.teardown(() => hub.stop())
  const { out, code } = await examine(file)
  t.equal(code, null, out)
  for (const step of ['DNS, hub.mezite.localhost', 'Database', 'Disk', 'Memory', 'Agents'])
    t.match(out, new RegExp(`^ok    ${step}`, 'm'), step)
  t.match(out, /^ok {4}Port \d+: the hub listens$/m)
  t.match(out, /^ok {4}Certificate, hub\.mezite\.localhost: expires in \d+ days$/m)
  t.match(out, /^ok {4}Certificates of apps: 0 have one$/m)
})

t.test('reports each fault of a machine, and who can repair it', async (t) => {
  const { file, port } = await settings('broken', {
    database: { driver: 'postgres', url: 'postgres://mezite@127.0.0.1:9/none' },
  })
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { out, code } = await examine(file)
  t.equal(code, 'MEZ_MACHINE_UNFIT')
  t.match(
    out,
    /^FAIL {2}Port \d+: 127\.0\.0\.1:\d+: another program listens on it\n {6}Who can repair it: the administrator/m,
  )
  t.match(
    out,
    /^FAIL {2}Database: unreachable: .*\n {6}Who can repair it: the administrator of the database$/m,
  )
  t.match(out, /^skip {2}Hub: the hub does not run on this machine/m)
})

/** Files of a certificate with this life, in days, of which this much is left. */
async function keyPairOf(life: number, left: number) {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])
  const made = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=hub',
    notBefore: new Date(Date.now() + (left - life) * DAY_MS),
    notAfter: new Date(Date.now() + left * DAY_MS),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    keys,
    extensions: [
      new SubjectAlternativeNameExtension(
        ['hub.mezite.localhost', '*.apps.mezite.localhost'].map((value) => ({ type: 'dns' as const, value })),
      ),
    ],
  })
  const [cert_file, key_file] = [join(dir, `${life}-${left}.pem`), join(dir, `${life}-${left}.key`)]
  writeFileSync(cert_file, made.toString('pem'))
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const pem = `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`
  writeFileSync(key_file, pem, { mode: 0o600 })
  return { cert_file, key_file }
}

t.test('doctor warns of a certificate by its life: three weeks, or a sixth of a short one', async (t) => {
  const { config, file } = await settings('expiring')
  for (const [life, left, mark] of [
    [366, 22, 'ok  '],
    [366, 20, 'FAIL'],
    [90, 16, 'ok  '],
    [90, 14, 'FAIL'],
    [6, 2, 'ok  '],
    [6, 0.9, 'FAIL'],
  ] as const) {
    const https_keypair = await keyPairOf(life, left)
    writeFileSync(file, stringify({ ...config, proxy: { ...config.proxy, https_keypair } }))
    const { out } = await examine(file)
    const line = `^${mark}  Certificate, hub\\.mezite\\.localhost: expires in \\d+ days$`
    t.match(out, new RegExp(line, 'm'), `${left} of ${life} days are left`)
  }
})

t.test('doctor needs the configuration', async (t) => {
  await t.rejects(
    doctor.run([], () => {}),
    { code: 'MEZ_USAGE_WRONG' },
  )
})
