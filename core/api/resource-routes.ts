import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods, RouteHandlerMethod } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { mapInTurns } from '../kernel/turns.ts'
import { NamedPageQuery, pageOf, type Sorts, sortedQuery } from './paging.ts'
import { Problem } from './problem.ts'
import type { RowAccess, RowLabels } from './rights.ts'
import type { Subject } from './subject.ts'
import type { RouteAccess, WebRoutes } from './web-routes.ts'

/** One verb of a resource: who may call it, and whether it can end access. */
export interface ResourceVerb {
  /** For the description of the API. Default: a sentence with the name of the resource. */
  readonly summary?: string
  /** Default: the right to this verb: `role.list`, `role.read`, `role.update` for `put`, `role.create`, `role.delete`. */
  readonly access?: RouteAccess
  /** The response lists in `cut` the streams cut on all hubs. */
  readonly cuts?: boolean
  /** As `deadlineMs` of a route. */
  readonly deadlineMs?: number
  /** As `everyRight` of a route. */
  readonly everyRight?: boolean
}

/** The JSON of a resource: a document with a `spec` (`kind`, `version`, `metadata`, `spec`), or flat. */
export type ResourceForm =
  | {
      /** JSON Schema of `spec`, also at `/v1/webapi/schemas/<kind>`. */
      readonly spec: TSchema
      /** `kind` of the documents. Default: the name of the resource. */
      readonly kind?: string
      /** Schemas of further members of `status`, besides `etag`. */
      readonly status?: Readonly<Record<string, TSchema>>
    }
  | {
      /** JSON Schema of the whole object. */
      readonly flat: TSchema
    }

/** What a resource is called, its JSON, and how lists of it are ordered and searched. */
export interface ResourceFace<Item> {
  /** Word for one of them, such as `role`. The events are `role.created`, `role.updated` and `role.deleted`. */
  readonly name: string
  /** What views and rights call it. Default: the name. */
  readonly changeKind?: string
  /** For people, if it differs from the name: `join token`. */
  readonly noun?: string
  /** The path below `/v1/webapi/`, and the topic of `mezctl`: `roles`. */
  readonly collection: string
  /** The member of the JSON that names one, which is also the parameter of the paths. */
  readonly key: string
  readonly form: ResourceForm
  /** A valid one, as `put` or `create` takes it: in the description of the API, and in `conformResource`. */
  readonly example?: object
  /** Order of lists, unique. Default: the key. */
  readonly order?: (item: Item) => string
  /** Default: false. */
  readonly newestFirst?: boolean
  /**
   * What `q` searches in a list: what people call it first, then the rest, labels as `team=data` and states as `state:ready`, which
   * the list also counts. Default: the key.
   */
  readonly search?: (item: Item) => string | readonly string[]
  /** By what else `sort` can sort a list: `{ last_used: ({ lastUsed }) => lastUsed }`. */
  readonly sorts?: Sorts<Item>
  /** The response 404. Default: `<name>_not_found`, with the command that lists them. */
  readonly missing?: (key: string) => Problem
}

/** A call of a route of the JSON API. */
export type ResourceCall<Body = unknown, Query = unknown> = FastifyRequest<{
  Params: Readonly<Record<string, string>>
  Body: Body
  Querystring: Query
}>

/** What a route takes and returns; all of it is in the description of the API. */
export interface ResourceRoute<Body extends TSchema, Query extends TSchema> extends ResourceVerb {
  readonly access: RouteAccess
  /** As `rows` of a route. Default: by `labels` of the resource, if the path names one. */
  readonly rows?: RowAccess
  readonly body?: Body
  /** As `body`, if the route checks it itself. */
  readonly takes?: TSchema
  readonly querystring?: Query
  readonly returns?: TSchema
}

/**
 * Adds a route. `at`: `POST /:name/enable`, below the collection; `GET /` works with and without the slash, `GET` without. `run` gets the
 * first parameter of the path, and returns the response; nothing is 204, and that of `POST /` is 201.
 */
export type AddRoute = <Body extends TSchema, Query extends TSchema>(
  at: string,
  route: ResourceRoute<Body, Query>,
  run: (
    key: string,
    call: ResourceCall<Static<Body>, Static<Query>>,
    reply: FastifyReply,
  ) => object | string | undefined | Promise<object | string | undefined>,
) => void

/** The list of a resource. */
export interface ResourceList<Item> extends ResourceVerb {
  /**
   * Those that the caller may see, in the order of a list without pages. Default: those of the table that the hub has in memory.
   */
  readonly rows?: (call: ResourceCall) => readonly Item[] | Promise<readonly Item[]>
  /** Schema of the query. Default: `limit`, `after`, `q` and `name`. */
  readonly query?: TSchema
  /** `show` for the rows of one response, which reads at once what all of them need. */
  readonly showAll?: (rows: readonly Item[]) => Promise<(item: Item) => object>
}

/** A resource that its plugin keeps itself, in several tables or in memory. */
export interface ResourceView<Item> extends ResourceFace<Item> {
  readonly list?: ResourceList<Item>
  readonly get?: ResourceVerb & {
    /** Undefined: there is none, or none that the caller may see. */
    readonly find: (key: string, call: ResourceCall) => Item | undefined | Promise<Item | undefined>
  }
  /** The labels by which roles give rights for some of them only. Absent: for all or none. */
  readonly labels?: {
    /** Several: the right must be for each of them. */
    of(item: Item): RowLabels | readonly RowLabels[]
    /** From memory; undefined: there is none. One that is unreadable has none that fit. */
    at(key: string): RowLabels | undefined
  }
  /** The JSON. Default: the item itself. */
  readonly show?: (item: Item, subject: Subject) => object
}

/** The response 404 about a resource. */
export function missing(face: ResourceFace<never>, key: string): Problem {
  const { name, noun = name, collection, missing } = face
  const detail = `There is no ${noun} ${key}; \`mezctl ${collection} ls\` lists them.`
  return missing?.(key) ?? new Problem(404, `${name}_not_found`, detail)
}

/**
 * `/v1/webapi/<collection>`, and for documents the JSON Schema of their `spec`, for `mezctl explain`: for what is not rows of one table,
 * which `defineResource` declares.
 *
 * @example
 * const programs = { name: 'program', collection: 'programs', key: 'id', form: { flat: Shown }, show, list: { rows } }
 * const access = 'program.delete'
 * provide.webRoutes(resourceRoutes(programs, (on) => on('DELETE /:id', { access }, (id, { actor }) => remove(id, actor))))
 */
export function resourceRoutes<Item>(view: ResourceView<Item>, more?: (on: AddRoute) => void): WebRoutes {
  const { name, noun = name, changeKind = name, collection, key, form, list, get } = view
  const { show = (item: Item) => item as object } = view
  const { order = (item: Item) => String((item as Record<string, unknown>)[key]) } = view
  const { search = order, sorts = {}, newestFirst = false } = view
  const returns = schemaOf(view)
  const { labels } = view
  const one: RowAccess | undefined = labels && {
    labelsOf: labels.at,
    missing: (key) => missing(view, key),
  }
  const asks = labels && { rows: 'asks' as const }
  return apiRoutes(collection, (add, web) => {
    const on: AddRoute = (at, route, run) => {
      const named = one !== undefined && at.split(' ')[1]?.startsWith(`/:${key}`)
      add(at, named ? { rows: one, ...route } : route, run)
    }
    if (list) {
      const { rows = () => [], query = NamedPageQuery, showAll, summary = `All ${noun}s`, ...verb } = list
      const access = `${changeKind}.list` as const
      const querystring = sortedQuery(query, Object.keys(sorts))
      const route = { access, ...asks, ...verb, summary, querystring, returns: Type.Array(returns) }
      on('GET /', route, async (_, call, reply) => {
        const sorted = { keyOf: order, textOf: search, sorts, descending: newestFirst }
        const all = await rows(call)
        const { mayRow } = call
        const own = labels && mayRow ? all.filter((item) => [labels.of(item)].flat().every(mayRow)) : all
        const page = await pageOf(call, reply, own, sorted)
        return mapInTurns(page, (await showAll?.(page)) ?? ((item) => show(item, call.subject)))
      })
    }
    if (get) {
      const { find, summary = `One ${noun}` } = get
      on(`GET /:${key}`, { access: `${changeKind}.read`, ...get, summary, returns }, async (one, call) => {
        const item = await find(one, call)
        if (item === undefined) throw missing(view, one)
        return show(item, call.subject)
      })
    }
    more?.(on)
    if (!('spec' in form)) return
    const { kind = name, spec } = form
    web.get(`/schemas/${kind}`, { config: { access: `${changeKind}.read`, ...asks } }, async () => spec)
  })
}

/** Routes of the JSON API below `/v1/webapi/<collection>`. */
export function apiRoutes(collection: string, add: (on: AddRoute, web: FastifyInstance) => void): WebRoutes {
  const routes: WebRoutes['routes'] = async (web) => {
    const on: AddRoute = (at, { access, cuts, deadlineMs, rows, everyRight, ...schema }, run) => {
      const [method, path = ''] = at.split(' ') as [HTTPMethods, string?]
      const config = {
        access,
        ...(cuts && { cuts }),
        ...(deadlineMs !== undefined && { deadlineMs }),
        ...(rows && { rows }),
        ...(everyRight && { everyRight }),
      }
      const handler: RouteHandlerMethod = async (request, reply) => {
        const call = request as ResourceCall<never, never>
        if (at === 'POST /') reply.code(201)
        const answer = await run(Object.values(call.params)[0] ?? '', call, reply)
        return reply.sent ? reply : (answer ?? reply.code(204).send())
      }
      for (const end of path === '/' ? ['', '/'] : [path])
        web.route({ ...{ method, config, schema, handler }, url: `/${collection}${end}` })
    }
    add(on, web)
  }
  return { name: collection, prefix: '/v1/webapi', routes }
}

/** Schema of the JSON of one resource. */
export function schemaOf({ name, form, example }: ResourceFace<never>): TSchema {
  if ('flat' in form) return form.flat
  const { kind = name, spec } = form
  const shown = Type.Object({
    etag: Type.String({ description: 'For If-Match of a change' }),
    ...form.status,
  })
  const schema = Type.Object({
    kind: Type.Literal(kind),
    version: Type.Literal('v1'),
    metadata: Type.Object({
      name: Type.String(),
      description: Type.Optional(Type.String()),
      labels: Type.Optional(Type.Record(Type.String(), Type.String())),
      expires: Type.Optional(Type.String()),
    }),
    spec,
    // A kind with members of its own always shows them.
    status: form.status === undefined ? Type.Optional(shown) : shown,
  })
  return withExample(schema, example)
}

export const withExample = (schema: TSchema, example: object | undefined): TSchema =>
  example === undefined ? schema : { ...schema, examples: [example] }
