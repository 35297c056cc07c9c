import { defineResource, parseResource, problemFor, type Resource, Type } from '@mezite/core'

const Spec = Type.Closed({
  text: Type.String({ minLength: 1, maxLength: 1_000, description: 'What people read' }),
})
type Document = Resource<{ readonly text: string }>

const parse = (body: unknown, options: { readonly name: string }) =>
  parseResource('app_notes', Spec, body, options) as Document

interface Row {
  readonly name: string
  readonly document: string
  readonly updated: number
}

/** A note as each hub has it in memory: the name of the application, and the text. */
interface Note {
  readonly name: string
  readonly text: string
  readonly document: Document
}

/** The notes in one declaration: their table, their JSON, who may do what with them, and what is recorded. */
export const notesOf = (isApp: (name: string) => boolean) =>
  defineResource<Note, Row, Document>({
    name: 'app_notes',
    noun: 'note about an application',
    collection: 'app-notes',
    table: 'app_notes',
    key: 'name',
    form: { spec: Spec },
    example: {
      ...{ kind: 'app_notes', version: 'v1', metadata: { name: 'wiki' } },
      spec: { text: 'Read-only until Monday' },
    },
    read({ name, document: text }) {
      const document = parse(JSON.parse(text), { name })
      return { name, document, text: document.spec.text }
    },
    show: ({ document }) => document,
    audited: ({ name }) => ({ app: name }),
    verbs: {
      list: {},
      get: {},
      put: {
        parse,
        row: (document, _old, updated) => ({
          ...{ name: document.metadata.name, document: JSON.stringify(document), updated },
        }),
        async within({ row: { name } }) {
          if (!isApp(name)) throw problemFor('app_not_found', `There is no application ${name}.`)
          return undefined
        },
      },
      remove: {},
    },
  })
