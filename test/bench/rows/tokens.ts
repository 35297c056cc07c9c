import { Agent, request } from 'node:https'
import { FakeIssuer, Visitor } from '../../../core/testing/index.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, type Sample } from '../measure.ts'
import { cpuMicrosecondsOfEach, watchMachine } from '../processes.ts'
import { alone, compared, type Figure, type Goal, least, most } from '../row.ts'
import type { Target } from '../target.ts'
import type { Ours } from '../targets/ours.ts'

const TOKENS = 64
/** Exchanges at the same time. */
const AT_ONCE = 16
/** More than a hub exchanges in a second; each ID token counts once. */
const MOST_EXCHANGES = 1_500
const AUDIENCE = 'https://bench.mezite.example'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'

export const tokens = {
  name: 'tokens',
  summary: 'requests a second with access tokens against cookies, and token exchanges a second',
  compares: 'equal: everything but the credential. Exchanges stand alone',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const ours = await machine.oursWithTokens()
    if (ours === null) return []
    const issuer = await FakeIssuer.start()
    try {
      await admitBot(ours, issuer)
      // Exchanges need no program of others.
      const rates = machine.lacks(['h2load'])
        ? []
        : await requestRates(machine, ours.many, await withTokens(ours), 'token')
      return [...rates, ...(await exchangeRate(machine, ours, issuer))]
    } finally {
      await issuer.close()
    }
  },
}

/** A program that may open the application, and proves itself by ID tokens of the issuer or by a secret. */
async function admitBot({ api }: Ours, issuer: FakeIssuer): Promise<void> {
  await api('PUT', '/roles/bench-programs', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'bench-programs' },
    spec: { allow: { app_labels: { team: 'platform' } } },
  })
  await api('PUT', '/bots/bench', {
    kind: 'bot',
    version: 'v1',
    metadata: { name: 'bench' },
    spec: {
      roles: ['bench-programs'],
      trust: [{ issuer: issuer.url, audience: AUDIENCE, claims: { repository: 'bench' } }],
    },
  })
}

/** The application with an access token on each connection in place of a cookie. */
async function withTokens({ api, cluster, many, url }: Ours): Promise<Target> {
  const { secret } = await api<{ secret: string }>('POST', '/bots/bench/secret')
  const visitor = new Visitor(cluster.ca)
  const fields = { grant_type: 'client_credentials', client_id: 'bot:bench', client_secret: secret }
  const body = new URLSearchParams({ ...fields, resource: `${url}/` }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const lines: string[] = []
  while (lines.length < TOKENS) {
    const { status, text } = await visitor.fetch(`${cluster.hubUrl}/v1/oauth/token`, {
      method: 'POST',
      headers,
      body,
    })
    if (status !== 200) throw new Error(`no token: ${status} ${text}`)
    lines.push(`Bearer ${JSON.parse(text).access_token}`)
  }
  return {
    ...many,
    name: 'ours, tokens',
    header: 'Authorization',
    cookie: (connection) => lines[connection % lines.length] ?? '',
  }
}

/** Requests a second with another credential against those with cookies. */
export async function requestRates(
  machine: BenchMachine,
  cookies: Target,
  programs: Target,
  credential: string,
): Promise<Figure[]> {
  const of = await inRounds(
    machine,
    [programs, cookies],
    (target, round) =>
      h2load(machine, target, {
        path: '/bytes/1024',
        connections: TOKENS,
        streams: 1,
        http2: false,
        seconds: machine.options.seconds,
        round,
      }),
    { saturated: true },
  )
  const against = (what: string, unit: string, goal: Goal, value: (sample: Sample) => number) =>
    compared(
      what,
      unit,
      of(programs).map(value),
      { name: 'ours, cookies', values: of(cookies).map(value) },
      goal,
    )
  return [
    against(
      `requests with a ${credential}, 64 connections`,
      'req/s',
      least(0.95, 1),
      (one) => one.exchanges / one.seconds,
    ),
    against(
      `processor time of the hub with a ${credential}`,
      'us/request',
      most(1.05, 1),
      ({ cpuUs }) => cpuUs.hub ?? Number.NaN,
    ),
  ]
}

async function exchangeRate(machine: BenchMachine, ours: Ours, issuer: FakeIssuer): Promise<Figure[]> {
  const { hubUrl } = ours.cluster
  const target: Target = {
    name: 'token exchange',
    port: ours.hubPort,
    host: new URL(hubUrl).hostname,
    cookie: null,
    includes: 'TLS, ID token of an issuer, rules, gate, session, audit record',
    processes: ours.many.processes,
  }
  const of = await inRounds(machine, [target], () => exchange(ours, issuer, target, machine.options.seconds))
  const samples = of(target)
  return [
    alone(
      'token exchanges (RFC 8693)',
      'tokens/s',
      samples.map((one) => one.exchanges / one.seconds),
    ),
    alone(
      'token exchange p99',
      'ms',
      samples.map(({ p99Ms }) => p99Ms),
    ),
    alone(
      'processor time of the hub',
      'us/exchange',
      samples.map(({ cpuUs }) => cpuUs.hub ?? 0),
    ),
  ]
}

/** Exchanges ID tokens, each signed before, for access tokens until the time is over. */
async function exchange(ours: Ours, issuer: FakeIssuer, target: Target, seconds: number): Promise<Sample> {
  const now = Math.floor(Date.now() / 1_000)
  const proofs = Array.from({ length: seconds * MOST_EXCHANGES }, (_, at) =>
    issuer.sign({
      iss: issuer.url,
      sub: 'bench',
      aud: AUDIENCE,
      repository: 'bench',
      iat: now,
      exp: now + 3_600,
      jti: `${now}-${at}`,
    }),
  )
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const send = (token: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const body = new URLSearchParams({
        grant_type: EXCHANGE,
        client_id: 'bot:bench',
        resource: `${ours.url}/`,
        subject_token: token,
        subject_token_type: ID_TOKEN,
      }).toString()
      const options = {
        agent,
        host: '127.0.0.1',
        port: target.port,
        servername: target.host,
        ca: ours.cluster.ca,
        method: 'POST',
        path: '/v1/oauth/token',
        headers: {
          host: `${target.host}:${target.port}`,
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(body),
        },
      }
      request(options, async (answer) => {
        let text = ''
        for await (const chunk of answer) text += chunk
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`token exchange: ${answer.statusCode} ${text.slice(0, 200)}`))
      })
        .on('error', reject)
        .end(body)
    })
  // Keys of the issuer, connections and compiled code.
  await Promise.all(proofs.splice(0, AT_ONCE * 4).map(send))
  const pids = Object.values(target.processes)
  const times: number[] = []
  const [before, use, started] = [cpuMicrosecondsOfEach(pids), watchMachine(), performance.now()]
  const worker = async (): Promise<void> => {
    while (performance.now() - started < seconds * 1_000) {
      const proof = proofs.pop()
      if (proof === undefined) throw new Error('there are not enough ID tokens')
      const from = performance.now()
      await send(proof)
      times.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  const elapsed = (performance.now() - started) / 1_000
  const used = cpuMicrosecondsOfEach(pids).map((after, at) => after - (before[at] ?? 0))
  agent.destroy()
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN
  return {
    exchanges: times.length,
    seconds: elapsed,
    bytes: 0,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    machine: use(),
    loadShare: 0,
    cpuUs: Object.fromEntries(
      Object.keys(target.processes).map((name, each) => [name, (used[each] ?? 0) / times.length]),
    ),
  }
}
