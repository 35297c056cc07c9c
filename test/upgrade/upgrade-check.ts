/**
 * `npm run upgrade-check -- [REF]`: runs the hub and the agent of a commit (the one before this, by default) beside
 * those of this checkout, on one PostgreSQL, one replaced by the other as an operator does. Needs the history of git.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeIssuer, type Visitor } from '../../core/testing/index.ts'
import { connect, register } from '../e2e/resources.ts'
import { startAgent } from '../e2e/start-agent.ts'
import { startHttpApp } from '../e2e/start-http-app.ts'
import { type RunningHub, startSite } from '../e2e/start-two-hubs.ts'
import { until } from '../until.ts'
import { checkOut } from './check-out.ts'

const CUT_MS = 2_000
const USER = 'alice@example.com'

async function upgradeCheck(ref: string, teardown: (close: () => unknown) => void): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-upgrade-'))
  teardown(() => rmSync(dir, { recursive: true, force: true }))
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

  const site = await startSite({ teardown })
  const old = await site.startHub('old', join(dir, 'core/mezhub.js'))
  await connect(old.api, issuer)
  await register(old.api, 'app', port, { agents: ['old-agent', 'new-agent', 'third'] })
  const join_ = async (hostname: string, hub: RunningHub, of: string) => {
    const proxy = `hub.mezite.localhost:${hub.port}`
    const file = join(of, 'agent/mezd.js')
    const agent = await startAgent({ hostname, proxy, api: hub.api, dir: site.dir, file })
    teardown(() => agent.stop())
  }
  const url = site.appUrl('app')
  const ask = async (visitor: Visitor, hub: RunningHub) => {
    site.balanceTo(hub)
    const { status, text } = await visitor.fetch(`${url}/`, { headers: { accept: 'application/json' } })
    if (status !== 200) throw new Error(`${status} ${text}`)
  }
  const signIn = async (hub: RunningHub): Promise<Visitor> => {
    site.balanceTo(hub)
    const visitor = site.visitor()
    const { status, url: at } = await visitor.open(`${url}/`)
    if (status !== 200) throw new Error(`${status} at ${at}`)
    return visitor
  }
  const root = join(import.meta.dirname, '../..')
  await check('the new agent joins the old hub', () => join_('new-agent', old, root))
  const before = await signIn(old)

  let going = true
  const failed: string[] = []
  const steady = (async () => {
    while (going) await ask(before, old).catch((error: Error) => failed.push(error.message))
  })()
  const fresh = await site.startHub('new')
  await check('the new hub starts beside the old one', async () => {})
  await check('the old agent joins the new hub', () => join_('old-agent', fresh, dir))
  going = false
  await steady
  await check('the old hub serves all the time', async () => {
    if (failed.length > 0) throw new Error(`${failed.length} times not, first ${failed[0]}`)
  })
  const hubs: [RunningHub, RunningHub][] = [
    [old, fresh],
    [fresh, old],
  ]
  for (const [one, other] of hubs) {
    await check(`a session of the ${one.name} hub holds at the ${other.name} one`, async () => {
      // Trusts both.
      const visitor = await signIn(one)
      await ask(visitor, other)
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
        ask(visitor, old).then(
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
  const good = await upgradeCheck(process.argv[2] ?? 'HEAD^', (close) => void closers.push(close))
  process.exitCode = good ? 0 : 1
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n`)
  process.exitCode = 1
} finally {
  for (const close of closers.reverse()) await close()
}
