import { connect as connectTo, createServer } from 'node:net'
import { join } from 'node:path'
import { FakeAuthenticator, type TestHub, type Visitor } from '../../core/testing/index.ts'
import { register } from '../e2e/resources.ts'
import type { RunningHub, Site } from '../e2e/start-two-hubs.ts'
import { startMsh } from '../oclif-cli/msh-program.ts'
import { runMezctl } from '../oclif-cli/run-program.ts'
import { type Holder, keysOf } from '../plugins/webauthn/key-hub.ts'

/** One promise to people who upgrade. */
export interface Check {
  readonly what: string
  run(): Promise<unknown>
}

/** Requests the application `app` with the session that the visitor has. */
export async function ask(site: Site, visitor: Visitor): Promise<void> {
  const headers = { accept: 'application/json' }
  const { status, text } = await visitor.fetch(`${site.appUrl('app')}/`, { headers })
  expect(status === 200, `${status} ${text}`)
}

/** Somebody who has signed in at the provider and opened the application `app`. */
export async function signInAtProvider(site: Site): Promise<Visitor> {
  const visitor = site.visitor()
  // Where people have passkeys, the application's own page would ask for the way to sign in.
  await visitor.open(`${site.hubUrl}/web/login?connector=sso`)
  await visitor.open(`${site.appUrl('app')}/`)
  await ask(site, visitor)
  return visitor
}

export interface FilledCluster {
  /** What must hold once the new version runs on the database; `hub` is of that version. */
  checks(hub: RunningHub): readonly Check[]
  close(): Promise<void>
}

interface FillOptions {
  readonly site: Site
  readonly hub: RunningHub
  /** The sources of the old version. */
  readonly oldDir: string
  /** An agent that is connected, which dials the application `app`. */
  readonly agent: string
}

function expect(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

const LISTS = [
  '/apps',
  '/roles',
  '/connectors',
  '/locks',
  '/users',
  '/api-tokens',
  '/tokens',
  '/agents',
] as const
/** Names a document of each list. */
const nameOf = (each: Record<string, unknown>) =>
  String((each.metadata as { name?: string } | undefined)?.name ?? each.id ?? each.name ?? each.hostname)

/** Lets people use a cluster of the old version: sign-ins, passkeys, tokens, locks, a trail, and the old command lines. */
export async function fillCluster({ site, hub, oldDir, agent }: FillOptions): Promise<FilledCluster> {
  const echo = createServer((socket) => void socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  const tcpPort = (echo.address() as { port: number }).port
  await register(hub.api, 'echo', tcpPort, {
    ...{ protocol: 'tcp', uri: `tcp://127.0.0.1:${tcpPort}`, agents: [agent] },
  })
  const alice = await signInAtProvider(site)
  const keys = async (of: RunningHub) =>
    keysOf({
      api: of.api,
      signInUrl: site.hubUrl,
      appUrl: site.appUrl,
      visitor: site.visitor,
    } as unknown as TestHub)
  const kate: Holder = await (await keys(hub)).person('kate', ['access'])
  const { token } = await hub.api<{ token: string }>('POST', '/api-tokens', { name: 'ci', roles: ['admin'] })
  await hub.api('POST', '/locks', { target: { user: 'mallory' } })
  await hub.api('POST', '/tokens', { roles: ['app'], ttl_seconds: 3_600 })

  // The commands of the old version, as somebody who has not upgraded them uses them.
  const program = (name: string) => join(oldDir, `oclif-cli/${name}/${name}.js`)
  const home = join(site.dir, `home-${hub.name}`)
  const caFile = join(site.dir, hub.name, 'development-ca.pem')
  const msh = { MSH_HOME: home, MEZITE_BROWSER: '/bin/true' }
  const proxy = new URL(site.hubUrl).host
  const login = startMsh(['login', '--proxy', proxy, '--ca-file', caFile], msh, program('msh'))
  const [, address = ''] = await login.err(/Opening (https:\S+)/)
  const page = await alice.open(address)
  await alice.submit(page, /\/web\/cli/)
  const { code, err } = await login.ended
  expect(code === 0, `the old msh does not sign in: ${err}`)

  const listed = new Map<string, readonly string[]>()
  for (const path of LISTS)
    listed.set(path, (await hub.api<Record<string, unknown>[]>('GET', path)).map(nameOf))
  const trail = async (of: RunningHub) => {
    const text = await of.api<unknown>('GET', '/audit/verify')
    const last = typeof text === 'string' ? (JSON.parse(text.trim().split('\n').at(-1)!) as unknown) : text
    const report = last as { ok: boolean; events: number; findings: unknown }
    expect(report.ok, JSON.stringify(report.findings))
    return report.events
  }
  const events = await trail(hub)
  const mezctl = (args: readonly string[], env: Readonly<Record<string, string>>) =>
    runMezctl(args, env, '', program('mezctl')).then(({ code, out, err }) => {
      expect(code === 0, `mezctl ${args.join(' ')}: ${err}`)
      return out
    })

  return {
    close: () => new Promise((resolve) => echo.close(() => resolve())),
    checks: (fresh) => [
      { what: 'a session of before opens the application', run: () => ask(site, alice) },
      { what: 'somebody signs in at the provider', run: () => signInAtProvider(site) },
      {
        what: 'a passkey of before signs in',
        run: async () => {
          const again: Holder = { ...kate, visitor: site.visitor() }
          const { status, code: why } = await (await keys(fresh)).signIn(again)
          expect(status === 303, `${status} ${why}`)
          await again.visitor.open(`${site.appUrl('app')}/`)
          await ask(site, again.visitor)
        },
      },
      {
        what: 'a person of before adds a passkey',
        run: async () => {
          const own = await keys(fresh)
          const second: Holder = { ...kate, visitor: site.visitor(), key: new FakeAuthenticator(site.hubUrl) }
          const { status, code: why } = await own.enrol(second, await own.link('kate', { sign_in: true }))
          expect(status === 303, `${status} ${why}`)
        },
      },
      ...LISTS.map((path) => ({
        what: `${path} has everything of before`,
        run: async () => {
          const now = (await fresh.api<Record<string, unknown>[]>('GET', path)).map(nameOf)
          const missing = listed.get(path)!.filter((name) => !now.includes(name))
          expect(missing.length === 0, `without ${missing.join(', ')}`)
        },
      })),
      {
        what: 'the audit trail verifies, and has every event of before',
        run: async () => {
          const now = await trail(fresh)
          expect(now >= events, `${now} events, ${events} before`)
        },
      },
      ...[
        ['users', 'ls'],
        ['agents', 'ls'],
        ['apps', 'ls'],
        ['locks', 'ls'],
        ['sessions', 'ls'],
        ['status'],
      ].map((args) => ({
        what: `the old mezctl ${args.join(' ')} works on the admin socket`,
        run: () => mezctl([...args, '--json'], { MEZITE_DATA_DIR: join(site.dir, fresh.name) }),
      })),
      {
        what: 'the old mezctl works with an API token of before',
        run: async () => {
          const env = { MEZITE_AUTH_TOKEN: token, MEZITE_PROXY: proxy, MEZITE_CA_FILE: caFile }
          const out = await mezctl(['users', 'ls', '--json'], env)
          expect(out.includes('kate'), out)
        },
      },
      {
        what: 'the old msh opens a TCP application with its login of before',
        run: async () => {
          const running = startMsh(['app', 'login', 'echo'], msh, program('msh'))
          try {
            const [, port] = await running.out(/Tunnel open: (?:http:\/\/)?127\.0\.0\.1:(\d+) -> echo\n/)
            await echoes(Number(port))
          } finally {
            await running.stop()
          }
        },
      },
      {
        what: 'the old msh lists its applications',
        run: async () => {
          const { code, err } = await runMezctl(['app', 'ls', '--json'], msh, '', program('msh'))
          expect(code === 0, err)
        },
      },
    ],
  }
}

const ECHO_MS = 20_000

function echoes(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(port, '127.0.0.1')
    const timer = setTimeout(() => socket.destroy(new Error('no echo')), ECHO_MS)
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      reject(new Error('the connection was closed'))
    })
    socket.on('data', (data) => {
      if (String(data) === 'hello') resolve()
      socket.destroy()
    })
    socket.write('hello')
  })
}
