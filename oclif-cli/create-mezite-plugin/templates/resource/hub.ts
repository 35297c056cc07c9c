import {
  type Database,
  defineHubPlugin,
  defineResource,
  migrations,
  parseResource,
  type Resource,
  revisions,
  Type,
  webRoutes,
} from '@mezite/core'

const Spec = Type.Closed({
  owner: Type.String({ minLength: 1, maxLength: 256, description: 'Who answers for it' }),
  phone: Type.Optional(Type.String({ maxLength: 64 })),
})
type Document = Resource<{ readonly owner: string; readonly phone?: string }>

const parse = (body: unknown, options: { readonly name: string }) =>
  parseResource('my_plugin', Spec, body, options) as Document

interface Row {
  readonly name: string
  readonly document: string
  readonly updated: number
}

/** An entry as each hub has it in memory. */
interface Entry {
  readonly name: string
  readonly document: Document
}

/** What administrators name, in one declaration: its table, its JSON, who may do what with it, and what is recorded. */
export const resource = defineResource<Entry, Row, Document>({
  name: 'my_plugin',
  noun: 'entry of my-plugin',
  collection: 'my-plugin',
  table: 'my_plugin',
  key: 'name',
  form: { spec: Spec },
  example: { kind: 'my_plugin', version: 'v1', metadata: { name: 'wiki' }, spec: { owner: 'The library' } },
  read: ({ name, document }) => ({ name, document: parse(JSON.parse(document), { name }) }),
  show: ({ document }) => document,
  audited: ({ name }) => ({ name }),
  verbs: {
    list: {},
    get: {},
    put: {
      parse,
      row: (document, _old, updated) => ({
        ...{ name: document.metadata.name, document: JSON.stringify(document), updated },
      }),
    },
    remove: {},
  },
})

/** Keeps entries that administrators write, with their API at `/v1/webapi/my-plugin`. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Keeps entries that administrators write',
  needs: { revisions },
  provides: { migrations, webRoutes },
  setup({ clock, log, use, provide }) {
    const entries = resource.open({ revisions: use.revisions, log, clock })
    provide.webRoutes(resource.routes(entries))
    provide.migrations({
      owner: 'my-plugin',
      migrations: {
        '0001-entries': {
          async up({ schema }: Database) {
            await schema
              .createTable('my_plugin')
              .addColumn('name', 'text', (column) => column.primaryKey())
              .addColumn('document', 'text', (column) => column.notNull())
              .addColumn('updated', 'double precision', (column) => column.notNull())
              .execute()
          },
        },
      },
    })
  },
})
