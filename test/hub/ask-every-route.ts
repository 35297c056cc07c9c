/**
 * Asks every route of the API at 5,000 people, 1,000 apps and 200,000 events, and writes a line for each: how long one turn of the
 * event loop took. The database is that of the first argument. In a process without tap, which follows every promise and so keeps the loop itself.
 */
import { request } from 'node:http'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { createTestHub } from '../../core/testing/test-hub.ts'
import { largeData } from '../large-data.ts'
import { large } from '../large-rows.ts'

/** Processor time that one turn may take, in milliseconds. */
const LONGEST_MS = 20
/** The best of some calls counts: the first one compiles code, and the garbage of another may be collected meanwhile. */
const MOST_CALLS = 5

const data = largeData({
  people: 5_000,
  apps: 1_000,
  sessions: 2_000,
  requests: 1_000,
  bots: 200,
  events: 200_000,
})
const hub = await createTestHub({
  plugins: [data.plugin],
  config: {
    database: JSON.parse(process.argv[2]!),
    plugins: { 'authorization-server': { enabled: true, registration: true } },
  },
})
await data.filled

/** Watches the turns of this thread, which runs the hub: by its processor time, so that other programs do not count. */
function watchTurns(): () => number {
  let longest = 0
  let last = process.threadCpuUsage()
  let next = setImmediate(turn)
  function turn(): void {
    const { user, system } = process.threadCpuUsage(last)
    longest = Math.max(longest, (user + system) / 1_000)
    last = process.threadCpuUsage()
    next = setImmediate(turn)
  }
  return () => {
    clearImmediate(next)
    return longest
  }
}

/** Asks as the operator, and reads the response without looking at it, which costs this thread little. */
async function call(method: string, path: string, body?: object): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const text = body === undefined ? undefined : JSON.stringify(body)
  const asked = request(
    {
      socketPath: join(hub.dataDir, 'admin.sock'),
      method,
      path: `/v1/webapi${path}`,
      headers: {
        accept: 'application/json',
        ...(text !== undefined && { 'content-type': 'application/json' }),
      },
    },
    (response) => {
      const { statusCode = 0 } = response
      response.resume()
      // A stream of events has no end.
      if (/event-stream|ndjson/.test(response.headers['content-type'] ?? '')) response.destroy()
      finished(response).then(
        () => resolve(statusCode),
        () => resolve(statusCode),
      )
    },
  )
  asked.on('error', reject)
  asked.end(text)
  return promise
}

async function measure(method: string, path: string, body?: (count: number) => object): Promise<void> {
  let shortest = Number.POSITIVE_INFINITY
  let status = 0
  for (let count = 0; count < MOST_CALLS && shortest > LONGEST_MS / 2; count++) {
    const stop = watchTurns()
    status = await call(method, path, body?.(count))
    shortest = Math.min(shortest, stop())
  }
  process.stdout.write(`${JSON.stringify({ route: `${method} ${path}`, ms: shortest, status })}\n`)
}

const person = encodeURIComponent(large.person(7))
const app = large.app(3)
const role = (labels: object) => (_count: number) => ({
  kind: 'role',
  version: 'v1',
  metadata: { name: large.role(0) },
  spec: { allow: { app_labels: labels } },
})
/** What takes the place of a parameter, by the first segment of the path. */
const NAMES: Readonly<Record<string, string>> = {
  users: person,
  apps: app,
  roles: large.role(0),
  bots: 'ci-1',
  'app-clients': app,
}
/** Calls with a body, and those with a query that asks for more than the plain call. */
const MORE: readonly (readonly [method: string, path: string, body?: (count: number) => object])[] = [
  ['GET', '/users?q=anna'],
  ['GET', '/users?limit=1000'],
  ['GET', '/apps?q=berlin'],
  ['GET', '/sessions?q=anna'],
  ['GET', '/access/review?unused=1d'],
  ['GET', '/access-requests?state=pending'],
  ['GET', '/audit?limit=1000'],
  ['GET', `/access/explain?user=${person}&app=${app}`],
  ['GET', `/access/who?app=${large.app(0)}`],
  ['GET', `/access/what?user=${person}`],
  [
    'POST',
    '/access/who',
    () => ({
      ...{ kind: 'app', version: 'v1', metadata: { name: 'draft', labels: { kind: 'shared' } } },
      spec: { uri: 'http://127.0.0.1:1' },
    }),
  ],
  ['GET', `/access/explain-admin?user=${person}&verb=update&kind=app`],
  ['GET', `/dashboard/person-panels/${person}`],
  ['GET', `/dashboard/panels/${app}`],
  ['POST', '/roles/preview', role({ '*': '*' })],
  ['POST', '/roles/preview', role({ team: 'nobody' })],
  ['PUT', `/roles/${large.role(0)}`, role({ '*': '*' })],
  ['PUT', `/roles/${large.role(0)}`, role({ kind: 'shared' })],
  ['POST', '/users', (count) => ({ name: `new-${count}@example.com`, roles: [large.role(1)] })],
  ['PATCH', `/users/${person}`, (count) => ({ roles: [large.role(count)] })],
  ['POST', '/locks', (count) => ({ target: { user: large.person(300 + count) } })],
  ['POST', '/locks', () => ({ target: { role: large.role(0) } })],
]

interface Described {
  readonly parameters?: readonly { readonly name: string; readonly schema: { readonly pattern?: string } }[]
}
const { paths } = await hub.api<{ paths: Record<string, Record<string, Described>> }>('GET', '/openapi.json')
const described = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => [method.toUpperCase(), path.slice('/v1/webapi'.length)] as const),
)
/** The pages that plugins add, and the tables of each. */
async function pagePaths(): Promise<readonly string[]> {
  const pages = await hub.api<{ path: string }[]>('GET', '/dashboard/pages')
  const found = pages.map(async ({ path }) => {
    const { blocks } = await hub.api<{ blocks: { kind: string }[] }>('GET', `/dashboard/pages/${path}`)
    const tables = blocks.flatMap(({ kind }, place) => (kind === 'table' ? [`/tables/${place}`] : []))
    return ['', ...tables.flatMap((table) => [table, `${table}?limit=100&q=anna`])].map(
      (more) => `/dashboard/pages/${path}${more}`,
    )
  })
  return (await Promise.all(found)).flat()
}

/** Each list by its words, and in each of its orders. */
function lists(): readonly string[] {
  return Object.entries(paths).flatMap(([path, { get }]) => {
    const schemaOf = (name: string) => get?.parameters?.find((one) => one.name === name)?.schema
    if (!schemaOf('q') || path.includes('{')) return []
    const sorts = /\((?:\?:)?(.*)\)/.exec(schemaOf('sort')?.pattern ?? '')?.[1]?.split('|') ?? []
    const queries = [
      'limit=1000',
      'limit=100&q=anna',
      'limit=100&q=zzqqxx',
      ...sorts.map((sort) => `limit=100&sort=-${sort}`),
    ]
    return queries.map((query) => `${path.slice('/v1/webapi'.length)}?${query}`)
  })
}

// What removes something comes last, and what ends the keys of the cluster is no question about many people.
const isLast = ([method]: readonly [string, string]) => method === 'DELETE'
const asked = described.filter(([method, path]) => !(method === 'POST' && path.startsWith('/auth/rotate/')))
for (const [method, path] of asked.filter((one) => !isLast(one))) {
  const [, first = ''] = path.split('/')
  const named = path.replace(/\{\w+\}/, NAMES[first] ?? 'nothing-here').replaceAll(/\{\w+\}/g, 'agent-1')
  await measure(method, named, method === 'GET' ? undefined : () => ({}))
}
for (const path of [...(await pagePaths()), ...lists()]) await measure('GET', path)
for (const [method, path, body] of MORE) await measure(method, path, body)
for (const [method, path] of asked.filter(isLast)) {
  const [, first = ''] = path.split('/')
  await measure(method, path.replace(/\{\w+\}/, NAMES[first] ?? 'nothing-here').replaceAll(/\{\w+\}/g, 'x'))
}
await hub.stop()
