// together: mezctl
import { join } from 'node:path'
import t from 'tap'
import { startFakeHub } from '../oclif-cli/fake-hub.ts'
import { startMshHub } from '../oclif-cli/msh-hub.ts'
import { loginMsh, mshEnv, runMsh } from '../oclif-cli/msh-program.ts'
import { runLines, runMezctl } from '../oclif-cli/run-program.ts'

t.test('a command of a package shows requests of an app, as a table and as JSON', async (t) => {
  const hub = await startFakeHub()
  t.teardown(() => hub.stop())
  const home = t.testdir()
  const env = {
    MEZITE_DATA_DIR: hub.dir,
    XDG_DATA_HOME: home,
    XDG_CONFIG_HOME: home,
    XDG_CACHE_HOME: home,
  }
  const [time, user, path] = ['2026-11-25T08:00:00.123Z', 'alice', '/d/\u001b[2J']
  const request = { id: 'e1', type: 'app.request', time, user, app: 'grafana', method: 'GET', path }
  hub.events.push({ ...request, status: 502, duration_ms: 12.4 })
  const folder = join(import.meta.dirname, '../../examples/recent-requests')
  t.match(await runMezctl(['plugins', 'install', folder, '--no-install'], env), { code: 0 })
  const lines = ['requests --app grafana', 'requests --app grafana --limit 3 --json', 'requests']
  const [table, json, wrong] = await runLines(lines, env)
  t.match(table, { code: 0, out: /^2026-11-25 08:00:00 +alice +GET \/d\/\\x1b\[2J +502 +12 ms *$/m })
  t.same(JSON.parse(json!.out), hub.events)
  t.match(hub.seen.at(-1)!.url, /\/audit\?type=app\.request&app=grafana&limit=3$/)
  t.match(wrong, { code: 2, out: '', err: /^error: --app is missing \(MEZ_USAGE_WRONG\)/ })
})

t.test('a command of msh calls the hub as the person, and rejects an identity file', async (t) => {
  const hub = await startMshHub()
  t.teardown(() => hub.stop())
  const home = t.testdir()
  const folders = { XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home }
  const env = { ...mshEnv(hub), ...folders }
  const folder = join(import.meta.dirname, '../../examples/app-bookmarks')
  t.match(await runMsh(['plugins', 'install', folder, '--no-install'], env), { code: 0 })
  t.match(await runMsh(['bookmarks'], env), { code: 1, out: '', err: /MEZ_NOT_LOGGED_IN/ })
  t.match(await loginMsh(hub, env), { code: 0 })
  hub.apps.set('wiki', { protocol: 'http', port: 1 })
  hub.apps.set('redis', { protocol: 'tcp', port: 1 })
  const { code, out } = await runMsh(['bookmarks'], env)
  t.equal(code, 0)
  t.match(out, /^<DT><A HREF="https:\/\/wiki\.[^"]+">wiki<\/A>$/m)
  t.notMatch(out, 'redis')
  const file = join(hub.dir, 'ci.pem')
  t.match(await loginMsh(hub, mshEnv(hub, 'other'), ['--out', file]), { code: 0 })
  const { length } = hub.seen
  t.match(await runMsh(['-i', file, 'bookmarks'], env), {
    ...{
      code: 1,
      out: '',
      err: /an identity file can open apps, but not call the hub \(MEZ_IDENTITY_INVALID\)/,
    },
  })
  t.equal(hub.seen.length, length, 'the hub was not asked')
})
