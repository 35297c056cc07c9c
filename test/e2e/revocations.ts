import pg from 'pg'
import { FakeIssuer } from '../../core/testing/index.ts'
import { programLogin } from '../../core/testing/program-login.ts'
import { type Login, mshSession, mshTls } from '../plugins/tcp-apps/connect-msh.ts'
import {
  BROWSER_KINDS,
  CUT,
  type Kind,
  type OpenStream,
  openInBrowser,
  openThroughMsh,
  startDripApp,
} from './live-streams.ts'
import { connect } from './resources.ts'
import { startAgent } from './start-agent.ts'
import { type RunningHub, type SiteOptions, startTwoHubs, type TwoHubs } from './start-two-hubs.ts'

/** What the hub answers to whoever takes access away. */
export interface Answer {
  readonly id?: string
  readonly expires?: string
  readonly cut?: { readonly streams: number; readonly hubs: number; readonly ms: number }
}

/** What became of the streams that were open at both hubs when access ended. */
export interface Outcome {
  readonly what: string
  /** Milliseconds from the call at hub A to the end of each stream there, and at hub B. */
  readonly here: readonly number[]
  readonly there: readonly number[]
  /** Streams that were not cut in time, or ended otherwise than they should. */
  readonly missed: readonly string[]
  /** What the answers said, and whether that is what was cut. */
  readonly told: readonly { readonly right: boolean; readonly cut: Answer['cut'] }[]
  /** Connections that were killed. */
  readonly deafened: number
}

/** A call that takes access away, and what it must end. */
interface Step {
  readonly kinds: readonly Kind[]
  act(): Promise<Answer>
}
interface Way {
  readonly what: string
  readonly steps: readonly Step[]
  undo(answers: readonly Answer[]): Promise<unknown>
}

export interface Revocations {
  readonly pair: TwoHubs
  /**
   * Opens everything at both hubs, and takes access away at hub A in the way that is in turn; `deaf`: at a moment in
   * which no hub hears of changes, since the connections for that were killed.
   */
  revoke(round: number, deaf: boolean): Promise<Outcome>
  /** Opens everything through one hub. */
  openAt(hub: RunningHub): Promise<OpenStream[]>
  /** What the person's browser gets from the app through one hub: the status, and the reason of a refusal. */
  askAt(hub: RunningHub): Promise<{ readonly status: number; readonly code: string | null }>
}

/** How many ways there are to take access away. */
export const WAYS = 5

const EVERY: readonly Kind[] = [...BROWSER_KINDS, 'tcp']
const ALICE = 'alice@example.com'
const LATE_MS = 20_000

/** Two hubs on one PostgreSQL with an agent each, and a person with a browser and msh. */
export async function startRevocations(
  t: { teardown(fn: () => unknown): void },
  options: SiteOptions = {},
): Promise<Revocations> {
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const drip = await startDripApp()
  t.teardown(() => drip.close())
  const pair = await startTwoHubs(t, options)
  const { a, b, dir } = pair
  const database = new pg.Client({ connectionString: pair.databaseUrl })
  database.on('error', () => {})
  await database.connect()
  t.teardown(() => database.end())
  await Promise.all(
    [a, b].map(async (hub, at) => {
      const proxy = `hub.mezite.localhost:${hub.port}`
      const agent = await startAgent({ hostname: `node-${at + 1}`, proxy, api: hub.api, dir })
      t.teardown(() => agent.stop())
    }),
  )
  await connect(a.api, issuer, 'team')
  const grant = (env: string) =>
    a.api<Answer>('PUT', '/roles/team', {
      kind: 'role',
      version: 'v1',
      metadata: { name: 'team' },
      spec: { allow: { app_labels: { env } } },
    })
  await grant('test')
  const agents = ['node-1', 'node-2']
  const specs = {
    drip: { uri: `http://127.0.0.1:${drip.httpPort}`, agents },
    wire: { uri: `tcp://127.0.0.1:${drip.tcpPort}`, protocol: 'tcp', agents },
  } as const
  const publish = (name: keyof typeof specs, env: string) =>
    a.api<Answer>('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels: { env } },
      spec: specs[name],
    })
  const publishBoth = () => Promise.all([publish('drip', 'test'), publish('wire', 'test')])
  await publishBoth()

  const visitor = pair.visitor()
  const app = pair.appUrl('drip')
  let isSignedIn = false
  let certificate: Login | null = null
  const lines = new Map<RunningHub, ReturnType<typeof mshSession>>()
  t.teardown(() => {
    for (const line of lines.values()) line.destroy()
  })

  async function signIn(): Promise<Login> {
    pair.balanceTo(a)
    if (!isSignedIn) {
      const page = await visitor.open(`${app}/`)
      if (page.status !== 200) throw new Error(`not signed in: ${page.status} ${page.text.slice(0, 200)}`)
      isSignedIn = true
    }
    certificate ??= await programLogin({ url: pair.hubUrl, visitor: pair.visitor }, {}, visitor)
    return certificate
  }

  async function openAt(hub: RunningHub): Promise<OpenStream[]> {
    const who = await signIn()
    pair.balanceTo(hub)
    let line = lines.get(hub)
    if (line === undefined || line.destroyed || line.closed) {
      line = mshSession(mshTls(hub.port, who))
      lines.set(hub, line)
    }
    const [inBrowser, throughMsh] = await Promise.all([
      openInBrowser(visitor, app),
      openThroughMsh(line, 'wire'),
    ])
    return [...inBrowser, throughMsh]
  }

  async function deafen(): Promise<number> {
    const killed = await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND query ILIKE 'listen%'`)
    return killed.rowCount ?? 0
  }

  const ways: readonly Way[] = [
    {
      what: 'session',
      steps: [
        {
          kinds: BROWSER_KINDS,
          async act() {
            const [session] = await a.api<{ id: string }[]>('GET', '/sessions?app=drip')
            isSignedIn = false
            return a.api<Answer>('DELETE', `/sessions/${session?.id}`)
          },
        },
        {
          kinds: ['tcp'],
          act() {
            const id = certificate?.session_id
            certificate = null
            return a.api<Answer>('DELETE', `/sessions/${id}`)
          },
        },
      ],
      async undo() {
        for (const line of lines.values()) line.destroy()
        lines.clear()
      },
    },
    {
      what: 'lock',
      steps: [
        {
          kinds: EVERY,
          act: () => a.api<Answer>('POST', '/locks', { target: { user: ALICE }, ttl_seconds: 600 }),
        },
      ],
      undo: ([lock]) => a.api('DELETE', `/locks/${lock?.id}`),
    },
    {
      what: 'role',
      steps: [{ kinds: EVERY, act: () => grant('other') }],
      undo: () => grant('test'),
    },
    {
      what: 'app',
      steps: [
        { kinds: BROWSER_KINDS, act: () => a.api<Answer>('POST', '/apps/drip/disable') },
        { kinds: ['tcp'], act: () => a.api<Answer>('POST', '/apps/wire/disable') },
      ],
      undo: () => Promise.all(['drip', 'wire'].map((name) => a.api('POST', `/apps/${name}/enable`))),
    },
    {
      what: 'label',
      steps: [
        { kinds: BROWSER_KINDS, act: () => publish('drip', 'other') },
        { kinds: ['tcp'], act: () => publish('wire', 'other') },
      ],
      undo: publishBoth,
    },
  ]

  return {
    pair,
    openAt,
    async askAt(hub) {
      pair.balanceTo(hub)
      const { status, text } = await visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } })
      return { status, code: status < 400 ? null : (JSON.parse(text) as { code: string }).code }
    },
    async revoke(round, deaf) {
      const { what, steps, undo } = ways[round % WAYS]!
      const atA = await openAt(a)
      const atB = await openAt(b)
      const here: number[] = []
      const there: number[] = []
      const missed: string[] = []
      const told: { right: boolean; cut: Answer['cut'] }[] = []
      const answers: Answer[] = []
      let deafened = 0
      for (const { kinds, act } of steps) {
        if (deaf) deafened += await deafen()
        const acted = performance.now()
        const answer = await act()
        answers.push(answer)
        const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), LATE_MS).unref())
        for (const [streams, into] of [[atA, here] as const, [atB, there] as const]) {
          for (const { kind, ended } of streams.filter((stream) => kinds.includes(stream.kind))) {
            const end = await Promise.race([ended, late])
            if (end?.how === CUT[kind]) into.push(end.at - acted)
            else missed.push(`${what}: ${kind} at hub ${into === here ? 'A' : 'B'} ${end?.how ?? 'lives on'}`)
          }
        }
        const { cut } = answer
        told.push({ right: cut?.streams === 2 * kinds.length && cut.hubs === 2, cut })
      }
      await undo(answers)
      return { what, here, there, missed, told, deafened }
    },
  }
}

/** What many revocations came to: milliseconds to the end of each stream, and what the calls reported. */
export interface RevocationTally {
  readonly here: readonly number[]
  readonly there: readonly number[]
  readonly missed: readonly string[]
  /** Milliseconds that each response reports. */
  readonly reported: readonly number[]
  /** Share of responses that report what was cut, from 0 to 1. */
  readonly rightShare: number
  readonly deafened: number
}

/** Revokes access in each way in turn; every other turn of all ways, the notification connections are cut before. */
export async function revokeInRounds({ revoke }: Revocations, rounds: number): Promise<RevocationTally> {
  const outcomes: Outcome[] = []
  for (let round = 0; round < rounds; round++)
    outcomes.push(await revoke(round, Math.floor(round / WAYS) % 2 === 1))
  const told = outcomes.flatMap(({ told }) => told)
  return {
    here: outcomes.flatMap(({ here }) => here),
    there: outcomes.flatMap(({ there }) => there),
    missed: outcomes.flatMap(({ missed }, round) => missed.map((each) => `round ${round}, ${each}`)),
    reported: told.map(({ cut }) => cut?.ms ?? Number.NaN),
    rightShare: told.filter(({ right }) => right).length / told.length,
    deafened: outcomes.reduce((sum, { deafened }) => sum + deafened, 0),
  }
}
