// needs: radicale, vdirsyncer
/** A real server for calendars behind the hub, and a real client that reaches it by a device. */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'
import { startDeviceHub } from './device-hub.ts'

const run = promisify(execFile)
const DEADLINE_MS = 60_000
const dir = mkdtempSync(join(tmpdir(), 'mezite-radicale-'))
const port = await freePort()
const server = spawn(
  'radicale',
  [
    ...['--config', '', `--server-hosts=127.0.0.1:${port}`, '--auth-type=http_x_remote_user'],
    ...[`--storage-filesystem-folder=${join(dir, 'collections')}`, '--rights-type=owner_only'],
  ],
  { stdio: 'ignore' },
)
server.on('error', () => {})
t.teardown(() => {
  server.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})
const answers = () =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.on('connect', () => socket.destroy())
  })

const { hub, keys, agent, register, add } = await startDeviceHub(t)
await register(
  'calendar',
  { env: 'test' },
  {
    uri: `http://127.0.0.1:${port}`,
    agents: [agent.hostname],
    identity_headers: { 'X-Remote-User': 'user' },
  },
)
const ann = await keys.person('ann@example.com', ['staff'])
const bob = await keys.person('bob@example.com', ['staff'])
const url = new URL(hub.appUrl('calendar'))

// Python does not know the names below `localhost`.
writeFileSync(
  join(dir, 'sitecustomize.py'),
  `import socket
find = socket.getaddrinfo
socket.getaddrinfo = lambda host, *a, **k: find("127.0.0.1" if str(host).endswith(".localhost") else host, *a, **k)
`,
)

/** The folder of a person with the client's files and configuration. */
function clientOf(name: string, secret: string) {
  const home = join(dir, name)
  const calendars = join(home, 'calendars')
  mkdirSync(join(calendars, 'work'), { recursive: true })
  const config = join(home, 'config')
  writeFileSync(
    config,
    `[general]
status_path = "${join(home, 'status')}"
[pair calendars]
a = "here"
b = "there"
collections = ["work"]
[storage here]
type = "filesystem"
path = "${calendars}"
fileext = ".ics"
[storage there]
type = "caldav"
url = "${url.href}"
username = "device"
password = "${secret}"
verify = "${hub.caFile}"
`,
  )
  const sync = (...args: string[]) =>
    run('vdirsyncer', ['-c', config, ...args], {
      env: { ...process.env, HOME: home, PYTHONPATH: dir, LC_ALL: 'C.UTF-8' },
      timeout: DEADLINE_MS,
    })
  return { work: join(calendars, 'work'), sync }
}
const at = ['--resolve', `${url.hostname}:${url.port}:127.0.0.1`, '--cacert', hub.caFile, '-sS', '-m', '30']
const curl = async (secret: string, ...args: string[]) =>
  (await run('curl', [...at, '-u', `device:${secret}`, '-o', '/dev/null', '-w', '%{http_code}', ...args]))
    .stdout

const event = (uid: string) => `BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Mezite//test//EN\r
BEGIN:VEVENT\r
UID:${uid}\r
DTSTAMP:20261202T080000Z\r
DTSTART:20261203T090000Z\r
DTEND:20261203T100000Z\r
SUMMARY:${uid}\r
END:VEVENT\r
END:VCALENDAR\r
`

t.test('a calendar goes from one client to another, as its person', { timeout: 300_000 }, async (t) => {
  await until(answers, 'Radicale listens')
  const [phone, laptop] = [
    await add(ann, { app: 'calendar', name: 'Phone' }),
    await add(ann, { app: 'calendar', name: 'Laptop' }),
  ]
  const one = clientOf('one', phone.secret)
  const two = clientOf('two', laptop.secret)
  const work = `${url.href}ann@example.com/work/`
  t.equal(await curl(phone.secret, '-X', 'MKCALENDAR', work), '201')
  await one.sync('discover')
  await two.sync('discover')
  writeFileSync(join(one.work, 'first.ics'), event('first'))
  await one.sync('sync')
  await two.sync('sync')
  const [file = ''] = readdirSync(two.work)
  t.match(readFileSync(join(two.work, file), 'utf8'), /SUMMARY:first/)

  const foreign = await add(bob, { app: 'calendar', name: 'Of Bob' })
  t.match(await curl(foreign.secret, work), /^40[34]$/, 'Radicale sees another person')

  await hub.api('DELETE', `/devices/${laptop.id}`)
  writeFileSync(join(one.work, 'second.ics'), event('second'))
  await one.sync('sync')
  await t.rejects(two.sync('sync'), 'a removed device syncs no more')
  t.equal(readdirSync(two.work).length, 1)
})
