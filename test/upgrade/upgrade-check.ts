/**
 * `npm run upgrade-check -- [REF]`: upgrades clusters of another version (the last release by default) to this checkout, with
 * people, passkeys, tokens, a trail, agents and command lines of that version: one on PostgreSQL, where both versions run
 * beside each other, and one with the embedded database. Needs the history of git.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeIssuer, type Visitor } from '../../core/testing/index.ts'
import { connect, register } from '../e2e/resources.ts'
import { startAgent } from '../e2e/start-agent.ts'
import { startHttpApp } from '../e2e/start-http-app.ts'
import { type RunningHub, startSite } from '../e2e/start-two-hubs.ts'
import { until } from '../until.ts'
import { checkOut } from './check-out.ts'
import { upgradeEmbedded } from './embedded-upgrade.ts'
import { ask, fillCluster, signInAtProvider } from './filled-cluster.ts'
import { lastRelease } from './last-release.ts'

const CUT_MS = 2_000
const USER = 'alice@example.com'

async function upgradeCheck(ref: string, teardown: (close: () => unknown) => void): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-upgrade-'))
  teardown(() => rmSync(dir, { recursive: true, force: true }))
  process.stdout.write(`upgrades from ${ref}\n`)
  checkOut(ref, dir)
  let good = true
  const check = async (what: string, attempt: () => Promise<unknown>) => {
    const failure = await attempt().then(
      () => null,
      (error: Error) => error.message,
    )
    good &&= failure === null
    process.stdout.write(
      `${failure === null ? 'ok    ' : 'NOT OK'} ${what}${failure ? `: ${failure}` : ''}\n`,
    )
  }

  const issuer = await FakeIssuer.start()
  teardown(() => issuer.close())
  const port = await startHttpApp({ teardown }, (request, response) => {
    if (request.url !== '/drip') return void response.end('hello')
    const timer = setInterval(() => response.write('.'), 50)
    response.on('close', () => clearInterval(timer))
  })

  await upgradeEmbedded({ dir, issuer, appPort: port, teardown, check })

  const site = await startSite({ teardown })
  const old = await site.startHub('old', join(dir, 'core/mezhub.js'))
  site.balanceTo(old)
  await connect(old.api, issuer)
  await register(old.api, 'app', port, { agents: ['old-agent', 'new-agent', 'third'] })
  const join_ = async (hostname: string, hub: RunningHub, of: string) => {
    const proxy = `hub.mezite.localhost:${hub.port}`
    const file = join(of, 'agent/mezd.js')
    const agent = await startAgent({ hostname, proxy, api: hub.api, dir: site.dir, file })
    teardown(() => agent.stop())
  }
  const url = site.appUrl('app')
  const askAt = (visitor: Visitor, hub: RunningHub) => {
    site.balanceTo(hub)
    return ask(site, visitor)
  }
  const signIn = (hub: RunningHub): Promise<Visitor> => {
    site.balanceTo(hub)
    return signInAtProvider(site)
  }
  const root = join(import.meta.dirname, '../..')
  await check('the new agent joins the old hub', () => join_('new-agent', old, root))
  const before = await signIn(old)
  const filled = await fillCluster({ site, hub: old, oldDir: dir, agent: 'new-agent' })
  teardown(filled.close)

  let going = true
  const failed: string[] = []
  const steady = (async () => {
    while (going) await askAt(before, old).catch((error: Error) => failed.push(error.message))
  })()
  // As operators of several hubs have it: one certificate, which the command lines of before trust.
  for (const name of readdirSync(join(site.dir, 'old')).filter((each) => each.startsWith('development-')))
    cpSync(join(site.dir, 'old', name), join(site.dir, 'new', name))
  const fresh = await site.startHub('new')
  await check('the new hub starts beside the old one', async () => {})
  await check('the old agent joins the new hub', () => join_('old-agent', fresh, dir))
  going = false
  await steady
  await check('the old hub serves all the time', async () => {
    if (failed.length > 0) throw new Error(`${failed.length} times not, first ${failed[0]}`)
  })
  site.balanceTo(fresh)
  for (const { what, run } of filled.checks(fresh)) await check(what, run)
  const hubs: [RunningHub, RunningHub][] = [
    [old, fresh],
    [fresh, old],
  ]
  for (const [one, other] of hubs) {
    await check(`a session of the ${one.name} hub holds at the ${other.name} one`, async () => {
      // Trusts both.
      const visitor = await signIn(one)
      await askAt(visitor, other)
    })
    await check(`a lock at the ${one.name} hub cuts what is live at the ${other.name} one`, async () => {
      const visitor = await signIn(other)
      const drip = await visitor.stream(`${url}/drip`, { timeoutMs: 60_000 })
      drip.on('error', () => {}).resume()
      const closed = new Promise<void>((resolve) => drip.on('close', () => resolve()))
      const { id } = await one.api<{ id: string }>('POST', '/locks', { target: { user: USER } })
      const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`not within ${CUT_MS} ms`)), CUT_MS).unref()
      })
      await Promise.race([closed, late]).finally(() => one.api('DELETE', `/locks/${id}`))
    })
  }
  await check('the old hub starts again on what the new one has made of the database', async () => {
    old.program.signal('SIGTERM')
    const code = await old.program.exited
    if (code !== 0) throw new Error(`it exits with ${code}`)
    await old.restart()
    const visitor = await signIn(fresh)
    await until(
      () =>
        askAt(visitor, old).then(
          () => true,
          () => false,
        ),
      'it serves',
    )
  })
  await check('an old agent joins the old hub on it', () => join_('third', old, dir))
  return good
}

const closers: (() => unknown)[] = []
try {
  const good = await upgradeCheck(process.argv[2] ?? lastRelease(), (close) => void closers.push(close))
  process.exitCode = good ? 0 : 1
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n`)
  process.exitCode = 1
} finally {
  for (const close of closers.reverse()) await close()
}
