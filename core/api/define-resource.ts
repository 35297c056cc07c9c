import { type TSchema, Type } from 'typebox'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Actor } from './audit.ts'
import { type Collection, createCollection, labelsIn } from './collection.ts'
import {
  type AddRoute,
  type ResourceFace,
  type ResourceList,
  type ResourceVerb,
  resourceRoutes,
  schemaOf,
  withExample,
} from './resource-routes.ts'
import type { Revisions } from './revisions.ts'
import type { RunningChange } from './sessions.ts'
import type { Subject } from './subject.ts'
import type { WebRoutes } from './web-routes.ts'

/** A change of a resource that is under way. */
export interface ResourceChange<Row> extends RunningChange {
  /** The new row; of a removal, the one that is gone. */
  readonly row: Row
  /** The row before; undefined if there was none. */
  readonly old: Row | undefined
  readonly by: Actor
}

/** Runs in a change, after its audit event, and can reject it. The members that it returns are part of the response. */
export type WithinChange<Row> = (change: ResourceChange<Row>) => Promise<object | undefined> | undefined

/** What `create` stores, and what it shows only once. */
export interface NewRow<Row> {
  readonly row: Row
  readonly shown?: object
}

/**
 * What an administrator names, in one declaration: its table, its JSON, who may do what with it, and what is recorded.
 * `Row` is a row of the table, `Item` what the hub keeps of it in memory, `Input` what `put` or `create` reads.
 */
export interface ResourceDefinition<Item, Row extends object, Input = unknown> extends ResourceFace<Item> {
  readonly table: string
  /** The column with the key, which is also the parameter of the paths and a member of the JSON. */
  readonly key: keyof Row & string
  /** Pure. Throws if the row is unreadable. */
  readonly read: (row: Row) => Item
  /** Completes the log line about an unreadable row: "every user who has it is denied access". */
  readonly unreadable?: string
  /** The JSON. That of a document may have a `status`; the routes add its `etag`. */
  readonly show: (item: Item) => object
  /** False: for this caller it does not exist. */
  readonly visible?: (item: Item, subject: Subject) => boolean
  /** Called when the copy in memory has changed, synchronously with all other views. */
  readonly swapped?: (items: ReadonlyMap<string, Item>) => void
  /** Fields of the audit events. Never a secret. */
  readonly audited: (row: Row) => Readonly<Record<string, string | number | boolean | null>>
  readonly verbs: {
    readonly list?: ResourceList<Item>
    readonly get?: ResourceVerb
    /** `PUT /<collection>/<key>`: creates or replaces, honouring `If-Match` and `If-None-Match`. */
    readonly put?: ResourceVerb & {
      /** Throws `Problem` 400 with every fault. `name` is the key in the path. */
      readonly parse: (body: unknown, options: { readonly name: string }) => Input
      /** `now` is in milliseconds since the epoch. */
      readonly row: (input: Input, old: Row | undefined, now: number) => Row
      readonly within?: WithinChange<Row>
    }
    /** `POST /<collection>`. */
    readonly create?: ResourceVerb & {
      readonly body: TSchema
      /** Schema of the response, if it differs from the form: a secret is shown once. */
      readonly returns?: TSchema
      /**
       * Throws `Problem`. `now` is in milliseconds since the epoch; `shown` is added to the response. Runs in the
       * transaction of the change.
       */
      readonly row: (
        input: Input,
        by: Actor,
        now: number,
        change: RunningChange,
      ) => NewRow<Row> | Promise<NewRow<Row>>
      readonly within?: WithinChange<Row>
    }
    readonly remove?: ResourceVerb & {
      /** Throws `Problem` if there cannot be such a one to remove. */
      readonly refuse?: (key: string) => void
      readonly within?: WithinChange<Row>
    }
  }
}

/** What a resource needs of the hub. */
export interface ResourceParts {
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
  readonly log: Log
  readonly clock: Clock
}

/**
 * Declares a resource. Its view, its routes with cursors, ETags and preconditions, 404, the audit of each change and the
 * description of the API follow from that. A package that exports the result, and is published with its declarations, imports
 * the type `Collection` of `@mezite/core/administration`, by which the compiler names it.
 *
 * @example
 * const bots = defineResource<Bot, BotRow, Resource<BotSpec>>({ name: 'bot', collection: 'bots', … })
 * // in setup
 * const collection = bots.open({ revisions: use.revisions, log, clock })
 * provide.webRoutes(bots.routes(collection))
 */
export function defineResource<Item, Row extends object, Input = unknown>(
  definition: ResourceDefinition<Item, Row, Input>,
): {
  /** For `conformResource`. */
  readonly definition: { readonly name: string; readonly collection: string; readonly key: string }
  /** Registers its view, and so belongs into `setup`. */
  open(parts: ResourceParts): Collection<Item, Row, Input>
  /** The routes for `webRoutes`; `more` adds routes below the same path. */
  routes(collection: Collection<Item, Row, Input>, more?: (on: AddRoute) => void): WebRoutes
} {
  return {
    definition,
    open: (parts) => createCollection(definition, parts),
    routes: (collection, more) => collectionRoutes(definition, collection, more),
  }
}

/** The routes of a resource that `defineResource` declares. */
function collectionRoutes<Item, Row extends object, Input>(
  definition: ResourceDefinition<Item, Row, Input>,
  collection: Collection<Item, Row, Input>,
  more?: (on: AddRoute) => void,
): WebRoutes {
  const { name, noun = name, changeKind = name, key, example, verbs } = definition
  const { list, get, put, create, remove } = verbs
  const returns = schemaOf(definition)
  const aNoun = `${/^[aeio]/i.test(noun) ? 'an' : 'a'} ${noun}`
  type Caller = { readonly subject: Subject }
  const labels = 'spec' in definition.form && {
    of: (item: Item) => labelsIn(collection.show(item)),
    at(key: string) {
      const item = collection.items.get(key)
      if (item === undefined) return collection.unreadable.has(key) ? {} : undefined
      return labelsIn(collection.show(item))
    },
  }
  const view = {
    ...{ ...definition, show: collection.show, ...(labels && { labels }) },
    ...(list && { list: { rows: ({ subject }: Caller) => collection.list(subject), ...list } }),
    ...(get && { get: { ...get, find: (key: string, by: Caller) => collection.known(key, by.subject) } }),
  }
  return resourceRoutes(view, (on) => {
    if (create) {
      const { summary = `Creates ${aNoun}`, body } = create
      const route = {
        access: `${changeKind}.create` as const,
        ...create,
        summary,
        body: withExample(body, example),
        returns: create.returns ?? returns,
      }
      on('POST /', route, async (_, { body, actor }) => {
        const { row, more: members } = await collection.create(body as Input, actor)
        return { ...collection.show(collection.known(String(row[key]))), ...members }
      })
    }
    if (put) {
      const { summary = `Creates or replaces ${aNoun}` } = put
      const result = Type.Object({ created: Type.Boolean(), resource: returns })
      const access = `${changeKind}.update` as const
      const route = { access, ...put, summary, takes: returns, returns: result }
      on(`PUT /:${key}`, route, async (name, { body, actor, headers, requireRow }, reply) => {
        const input = put.parse(body, { name })
        if (labels) requireRow(labelsIn(body as object))
        const done = await collection.put(name, input, actor, headers)
        if (done.created) reply.code(201)
        return { created: done.created, resource: collection.show(collection.known(name)), ...done.more }
      })
    }
    if (remove) {
      const { summary = `Removes ${aNoun}` } = remove
      const result = Type.Object({ [key]: Type.String(), removed: Type.Boolean() })
      const access = `${changeKind}.delete` as const
      on(`DELETE /:${key}`, { access, ...remove, summary, returns: result }, async (name, { actor }) => {
        const { more: members } = await collection.remove(name, actor)
        const { cut, ...others } = members as { readonly cut?: object }
        return { [key]: name, ...others, removed: true, ...(cut && { cut }) }
      })
    }
    more?.(on)
  })
}
