import type { TSchema } from 'typebox'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Actor } from './audit.ts'
import { type Collection, createCollection } from './collection.ts'
import { collectionRoutes } from './collection-routes.ts'
import type { Problem } from './problem.ts'
import type { Revisions } from './revisions.ts'
import type { RunningChange } from './sessions.ts'
import type { Subject } from './subject.ts'
import type { RouteAccess, WebRoutes } from './web-routes.ts'

/** One verb of a resource: who may call it, and whether it can end access. */
export interface ResourceVerb {
  /** For the description of the API. Default: a sentence with the name of the resource. */
  readonly summary?: string
  /** Default: `admin`. */
  readonly access?: RouteAccess
  /** The response lists in `cut` the streams cut on all hubs. */
  readonly cuts?: boolean
}

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

/**
 * What an administrator names, in one declaration: its table, its JSON, who may do what with it, and what is recorded.
 * `Row` is a row of the table, `Item` what the hub keeps of it in memory, `Input` what `put` or `create` reads.
 */
export interface ResourceDefinition<Item, Row extends object, Input = unknown> {
  /** Word for one of them, such as `role`. The events are `role.created`, `role.updated` and `role.deleted`. */
  readonly name: string
  /** For people, if it differs from the name: `join token`. */
  readonly noun?: string
  /** The path below `/v1/webapi/`, and the topic of `mezctl`: `roles`. */
  readonly collection: string
  /** What views call its changes. Default: the name. */
  readonly changeKind?: string
  readonly table: string
  /** The column with the key, which is also the parameter of the paths and a member of the JSON. */
  readonly key: keyof Row & string
  readonly form: ResourceForm
  /** A valid one, as `put` or `create` takes it: in the description of the API, and in `conformResource`. */
  readonly example?: object
  /** Pure. Throws if the row is unreadable. */
  readonly read: (row: Row) => Item
  /** Completes the log line about an unreadable row: "every user who has it is denied access". */
  readonly unreadable?: string
  /** The JSON. That of a document may have a `status`; the routes add its `etag`. */
  readonly show: (item: Item) => object
  /** False: for this caller it does not exist. */
  readonly visible?: (item: Item, subject: Subject) => boolean
  /** Order of lists, unique. Default: the key. */
  readonly order?: (item: Item) => string
  /** Default: false. */
  readonly newestFirst?: boolean
  /** What `q` searches in a list. Default: the key. */
  readonly search?: (item: Item) => string
  /** Called when the copy in memory has changed, synchronously with all other views. */
  readonly swapped?: (items: ReadonlyMap<string, Item>) => void
  /** Fields of the audit events. Never a secret. */
  readonly audited: (row: Row) => Readonly<Record<string, string | number | boolean | null>>
  /** The response 404. Default: `<name>_not_found`, with the command that lists them. */
  readonly missing?: (key: string) => Problem
  readonly verbs: {
    readonly list?: ResourceVerb
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
 * for (const routes of bots.routes(collection)) provide.webRoutes(routes)
 */
export function defineResource<Item, Row extends object, Input = unknown>(
  definition: ResourceDefinition<Item, Row, Input>,
): {
  /** For `conformResource`. */
  readonly definition: { readonly name: string; readonly collection: string; readonly key: string }
  /** Registers its view, and so belongs into `setup`. */
  open(parts: {
    readonly revisions: Pick<Revisions, 'write' | 'addView'>
    readonly log: Log
    readonly clock: Clock
  }): Collection<Item, Row, Input>
  /** The routes for `webRoutes`; `more` adds routes below the same path. */
  routes(collection: Collection<Item, Row, Input>, more?: WebRoutes['routes']): readonly WebRoutes[]
} {
  return {
    definition,
    open: (parts) => createCollection(definition, parts),
    routes: (collection, more) => collectionRoutes(definition, collection, more),
  }
}
