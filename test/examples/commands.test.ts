// in: test/packaging/packages.test.ts
/** Commands of packages, against a hub. `test/packaging/packages.test.ts` runs it from packed packages. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { openProtocolBench } from '@mezite/core/testing'
import t from 'tap'

const require = createRequire(import.meta.url)
const web = createServer((_request, response) => void response.end('ok'))
web.listen(0, '127.0.0.1')
await once(web, 'listening')
const bench = await openProtocolBench()
const { hub, agent } = bench
t.teardown(async () => {
  await bench.close()
  web.close()
})
for (const [name, spec] of [
  ['wiki', { uri: `http://127.0.0.1:${(web.address() as AddressInfo).port}` }],
  ['redis', { uri: 'tcp://127.0.0.1:1' }],
] as const)
  await hub.api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels: { conform: 'yes' } },
    spec: { ...spec, agents: [agent.hostname] },
  })
const ann = await bench.person('ann', ['reaches'])

/** Starts a published program, with a home of its own and without what would lead to another hub. */
function start(program: 'msh' | 'mezctl', args: readonly string[], home: string) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(MEZITE_|MEZCTL_|MSH_|NODE_|TAP)/.test(name))
  const env = {
    ...Object.fromEntries(kept),
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CONFIG_HOME: home,
    XDG_CACHE_HOME: home,
    NO_COLOR: '1',
    MSH_HOME: join(home, 'msh'),
    MEZITE_DATA_DIR: hub.dataDir,
    // The test follows the printed address itself.
    MEZITE_BROWSER: '/bin/true',
  }
  const file = require.resolve(`@mezite/${program}/${program}.js`)
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.err += text
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, ...texts }))
  return { texts, ended }
}
const run = (program: 'msh' | 'mezctl', args: readonly string[], home: string) =>
  start(program, args, home).ended
const folderOf = (example: string) => join(dirname(import.meta.dirname), '../examples', example)

t.test('a command of msh calls the hub as the person', async (t) => {
  const home = t.testdir()
  const installed = await run('msh', ['plugins', 'install', folderOf('app-bookmarks'), '--no-install'], home)
  t.match(installed, { code: 0 }, installed.err)
  t.match(await run('msh', ['bookmarks'], home), { code: 1, out: '', err: /MEZ_NOT_LOGGED_IN/ })
  const login = ['login', '--proxy', new URL(hub.url).host, '--ca-file', hub.caFile]
  const signingIn = start('msh', login, home)
  let address: string | undefined
  while (address === undefined) {
    address = /Opening (https:\S+)/.exec(signingIn.texts.err)?.[1]
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await ann.submit(await ann.open(address), /\/web\/cli/)
  t.match(await signingIn.ended, { code: 0 })
  const { code, out } = await run('msh', ['bookmarks'], home)
  t.equal(code, 0)
  t.match(out, `<DT><A HREF="${hub.appUrl('wiki')}/">wiki</A>`)
  t.notMatch(out, 'redis')
})

t.test('a command of mezctl shows the requests of an app', async (t) => {
  const home = t.testdir()
  const installed = await run(
    'mezctl',
    ['plugins', 'install', folderOf('recent-requests'), '--no-install'],
    home,
  )
  t.match(installed, { code: 0 }, installed.err)
  t.equal((await ann.open(`${hub.appUrl('wiki')}/page`)).text, 'ok')
  while ((await hub.api<object[]>('GET', '/audit?type=app.request&app=wiki')).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 50))
  const table = await run('mezctl', ['requests', '--app', 'wiki'], home)
  t.match(table, { code: 0, out: /^\d{4}-\S+ \S+ +ann@example\.com +GET \/page +200 +\d+ ms *$/m })
  t.match(await run('mezctl', ['requests'], home), { code: 2, out: '', err: /--app is missing/ })
})
