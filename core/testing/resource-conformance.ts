import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Value } from 'typebox/value'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { adminRequests } from '../program/admin/admin-client.ts'
import type { ConformTest } from './conformance-test.ts'
import { createTestHub, type TestHub } from './test-hub.ts'

/** Inputs of `conformResource`. */
export interface ConformResourceOptions {
  /** The `definition` of a resource, or these members of it. */
  readonly resource: { readonly name: string; readonly collection: string; readonly key: string }
  /** What `PUT` or `POST` takes for another one, which can exist beside the example of the declaration. */
  readonly another: object
  /** The plugin's configuration under `plugins:`. */
  readonly config?: unknown
  /** A running hub with the plugin, for several suites. Default: a hub for this suite, which the last test stops. */
  readonly hub?: TestHub
  /** Prepares the hub, for example with what the example names. */
  readonly prepare?: (hub: TestHub) => Promise<unknown>
}

type Json = Readonly<Record<string, unknown>>
type Media = Readonly<Record<string, { readonly schema: Json; readonly example?: Json }>>
type Operation = {
  readonly requestBody?: { readonly content: Media }
  readonly responses: Readonly<Record<string, { readonly content?: Media } | undefined>>
}
type Operations = Readonly<Record<string, Operation | undefined>>

const UNKNOWN = 'no-such-one'

/**
 * Checks a resource of `defineResource` in a running hub, through the API and as the operator: the example of its
 * declaration is created, listed, replaced only by who has seen it, recorded and removed. Leaves nothing behind.
 */
export function conformResource(t: ConformTest, plugin: AnyPlugin, options: ConformResourceOptions): void {
  const { name, collection, key } = options.resource
  let opened: ReturnType<typeof visit> | undefined
  const open = () => {
    opened ??= (async () => {
      const plugins = [{ plugin, config: options.config }]
      const hub = options.hub ?? (await createTestHub({ plugins }))
      await options.prepare?.(hub)
      return visit(hub)
    })()
    return opened
  }

  async function visit(hub: TestHub) {
    const ask = adminRequests(join(hub.dataDir, 'admin.sock'))
    const { paths } = (await ask('GET', '/openapi.json')).body as { paths: Record<string, Operations> }
    const path = `/${collection}`
    const all = paths[`/v1/webapi${path}`] ?? {}
    const one = paths[`/v1/webapi${path}/{${key}}`] ?? {}
    const example = jsonIn((one.put ?? all.post)?.requestBody?.content)?.example
    const idOf = (json: Json) => String(json[key] ?? (json.metadata as Json | undefined)?.[key])
    const at = (json: Json) => `${path}/${encodeURIComponent(idOf(json))}`
    /** The response to the creation; of a document, with the resource as its body. */
    async function create(input: Json = example ?? {}) {
      if (!one.put) return ask('POST', path, input)
      const { body, ...rest } = await ask('PUT', at(input), input)
      return { ...rest, body: (body as { resource?: Json }).resource ?? body }
    }
    return {
      hub,
      ask,
      path,
      all,
      one,
      example,
      idOf,
      at,
      create,
      created: async (input?: Json) => (await create(input)).body as Json,
      remove: (json: Json) => ask('DELETE', at(json)),
      list: async () => (await ask('GET', path)).body as readonly Json[],
    }
  }

  t.test('the API describes it, with an example', async (t) => {
    const { all, example, created, list, remove } = await open()
    t.ok(all.get !== undefined, 'the list is described')
    t.ok(example !== undefined, 'the request has an example')
    const made = await created()
    const rows = await list()
    await remove(made)
    const schema = jsonIn(Object.values(all.get?.responses ?? {})[0]?.content)?.schema
    t.ok(schema !== undefined && Value.Check(schema, rows), 'the list is as described')
  })

  t.test('a resource has the same JSON in every response, until it is removed', async (t) => {
    const { one, idOf, at, ask, created, list, remove } = await open()
    const made = await created()
    const found = (await list()).filter((row) => idOf(row) === idOf(made))
    t.ok(found.length === 1, `it is listed once: ${found.length}`)
    if (one.get)
      t.ok(isDeepStrictEqual((await ask('GET', at(made))).body, found[0]), 'by itself as in the list')
    if (one.put) t.ok(isDeepStrictEqual(made, found[0]), 'in the response to its creation as in the list')
    const { status, body } = await remove(made)
    t.ok(status === 200 && (body as Json)[key] === idOf(made), `its removal names it: ${status}`)
    t.ok(!(await list()).some((row) => idOf(row) === idOf(made)), 'it is no longer listed')
    t.ok((await remove(made)).status === 404, 'nor removed again')
    if (one.get) t.ok((await ask('GET', `${at(made)}-${UNKNOWN}`)).status === 404, 'an unknown one is 404')
  })

  t.test('unknown members are rejected, and nothing is stored', async (t) => {
    const { example, create, idOf, list, remove } = await open()
    const before = await list()
    const { status } = await create({ ...example, 'no-such-key': true })
    const stored = (await list()).filter((row) => !before.some((one) => idOf(one) === idOf(row)))
    for (const row of stored) await remove(row)
    t.ok(status === 400, `the status is 400: ${status}`)
    t.ok(stored.length === 0, 'nothing is stored')
  })

  t.test('a resource is replaced only by a caller who has its current version', async (t) => {
    const { one, example, at, ask, created, remove } = await open()
    if (!one.put) return void t.ok(true, 'nothing can be replaced')
    const made = await created()
    const statusOf = async (header: string, value: string) =>
      (await ask('PUT', at(made), example, { [header]: value })).status
    const stale = await statusOf('if-match', '"another"')
    const taken = await statusOf('if-none-match', '*')
    const seen = await statusOf('if-match', (made.status as { etag: string }).etag)
    await remove(made)
    t.ok(stale === 412, `another ETag in If-Match: ${stale}`)
    t.ok(taken === 412, `If-None-Match: *: ${taken}`)
    t.ok(seen === 200, `its ETag in If-Match: ${seen}`)
  })

  t.test('pages contain every resource once', async (t) => {
    const { path, ask, idOf, created, list, remove } = await open()
    const made = [await created(), await created(options.another as Json)]
    const whole = (await list()).map(idOf)
    const paged: string[] = []
    for (let next: string | undefined = `${path}?limit=1`; next && paged.length <= whole.length; ) {
      const { headers, body } = await ask('GET', next)
      paged.push(...(body as readonly Json[]).map(idOf))
      next = /^<\/v1\/webapi(.*)>; rel="next"$/.exec(String(headers.link))?.[1]
    }
    for (const json of made) await remove(json)
    t.ok(isDeepStrictEqual(paged.sort(), whole.sort()), `${paged.length} of ${whole.length}`)
  })

  t.test('each change is recorded once', async (t) => {
    const { one, ask, created, remove } = await open()
    const verbs = one.put ? ['created', 'updated', 'deleted'] : ['created', 'deleted']
    // Events of changes are stored in the same transaction.
    const counts = () =>
      Promise.all(
        verbs.map(async (verb) => {
          const { body } = await ask('GET', `/audit?type=${name}.${verb}&limit=1000`)
          return (body as unknown[]).length
        }),
      )
    const before = await counts()
    const made = await created()
    if (one.put) await created()
    await remove(made)
    const recorded = (await counts()).map((count, at) => count - before[at]!)
    for (const [at, events] of recorded.entries())
      t.ok(events === 1, `${name}.${verbs[at]}: ${events} events`)
  })

  t.test('every route rejects callers without credentials', async (t) => {
    const { hub, path, all, one } = await open()
    const routes = [
      ...Object.keys(all).map((verb) => [verb, path]),
      ...Object.keys(one).map((verb) => [verb, `${path}/${UNKNOWN}`]),
    ]
    for (const [verb = '', at] of routes) {
      const method = verb.toUpperCase()
      const { status } = await hub.visitor().fetch(`${hub.url}/v1/webapi${at}`, { method })
      t.ok(status === 401, `${method} ${at}: ${status}`)
    }
    if (!options.hub) await hub.stop()
  })
}

const jsonIn = (content: Media | undefined) => content?.['application/json']
