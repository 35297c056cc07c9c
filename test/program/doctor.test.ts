import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHub, freePort } from '@mezite/core/testing'
import t from 'tap'
import { stringify } from 'yaml'
import { doctor } from '../../core/program/doctor.ts'

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

t.test('doctor needs the configuration', async (t) => {
  await t.rejects(
    doctor.run([], () => {}),
    { code: 'MEZ_USAGE_WRONG' },
  )
})
