// together: quick
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { installService } from '../../../core/base/log/service-install.ts'
import { launchdPlist, systemdUnit } from '../../../core/base/log/service-unit.ts'

const examples = join(import.meta.dirname, '../../../examples/operations')

function imageOf(t: { teardown(end: () => unknown): void }): string {
  const root = mkdtempSync(join(tmpdir(), 'mezite-service-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  for (const folder of ['etc/systemd/system', 'usr/lib/systemd/system', 'Library/LaunchDaemons'])
    mkdirSync(join(root, folder), { recursive: true })
  return root
}

t.test('the units of init are those of the examples and of the Debian packages', (t) => {
  for (const name of ['mezhub', 'mezd'] as const) {
    const command = `/opt/mezite/node_modules/.bin/${name} start --config /etc/mezite/${name}.yaml`
    t.equal(systemdUnit(name, command), readFileSync(join(examples, `${name}.service`), 'utf8'))
  }
  t.end()
})

t.test('writes a unit that starts this installation, and quotes characters for systemd', async (t) => {
  const root = imageOf(t)
  const program = ['/opt/my node/bin/node', '/opt/mezite/100%/mezd.js']
  const done = await installService({
    name: 'mezd',
    configFile: '/etc/mezite/mezd.yaml',
    files: [],
    program,
    platform: 'linux',
    root,
  })
  t.strictSame(done, ['Wrote /etc/systemd/system/mezd.service.'])
  t.match(
    readFileSync(join(root, 'etc/systemd/system/mezd.service'), 'utf8'),
    'ExecStart="/opt/my node/bin/node" "/opt/mezite/100%%/mezd.js" start --config /etc/mezite/mezd.yaml\n',
  )
})

t.test('keeps the unit of a Debian package', async (t) => {
  const root = imageOf(t)
  writeFileSync(join(root, 'usr/lib/systemd/system/mezhub.service'), '')
  const done = await installService({
    name: 'mezhub',
    configFile: '/etc/mezite/mezhub.yaml',
    files: [],
    program: ['/usr/bin/mezhub'],
    platform: 'linux',
    root,
  })
  t.strictSame(done, ['mezhub.service of the package is used.'])
})

t.test('writes a daemon of launchd on macOS', async (t) => {
  const root = imageOf(t)
  await installService({
    name: 'mezhub',
    configFile: '/etc/mezite/a&b.yaml',
    files: [],
    program: ['/usr/local/bin/mezhub'],
    platform: 'darwin',
    root,
  })
  const text = readFileSync(join(root, 'Library/LaunchDaemons/dev.mezite.mezhub.plist'), 'utf8')
  t.equal(
    text,
    launchdPlist('mezhub', ['/usr/local/bin/mezhub', 'start', '--config', '/etc/mezite/a&b.yaml']),
  )
  t.match(text, '<string>/etc/mezite/a&amp;b.yaml</string>')
})

t.test('refuses files that the service cannot read, and other systems, with the next step', async (t) => {
  const given = { name: 'mezd', files: [], program: ['/usr/bin/mezd'] } as const
  const inHome = installService({ ...given, configFile: '/home/eve/mezd.yaml', platform: 'linux' })
  await t.rejects(inHome, {
    code: 'MEZ_SERVICE_UNINSTALLABLE',
    hint: process.getuid?.() === 0 ? /\/etc\/mezite/ : /sudo/,
  })
  const root = imageOf(t)
  const elsewhere = installService({
    ...given,
    configFile: '/etc/mezite/mezd.yaml',
    platform: 'freebsd',
    root,
  })
  await t.rejects(elsewhere, /not supported on freebsd/)
  const unwritable = installService({
    ...given,
    configFile: '/etc/mezite/mezd.yaml',
    platform: 'linux',
    root: join(root, 'none'),
  })
  await t.rejects(unwritable, /cannot write .*mezd\.service/)
})
