import {
  catalog,
  type Database,
  dashboardParts,
  defineHubPlugin,
  homeLinks,
  html,
  migrations,
  pages,
  revisions,
  webRoutes,
} from '@mezite/core'
import { access } from '@mezite/core/protocol'
import { notesOf } from './notes.ts'

/**
 * Notes of administrators about applications, such as "read-only until Monday": a resource with its table and its API at
 * `/v1/webapi/app-notes`, and a page where people read the notes of the applications that they may open.
 */
export default defineHubPlugin({
  name: 'app-notes',
  api: 1,
  summary: 'Shows notes about applications',
  needs: { access, catalog, pages, revisions },
  provides: { dashboardParts, homeLinks, migrations, webRoutes },
  setup({ use, provide, clock, log }) {
    const resource = notesOf((name) => use.catalog.byName(name) !== undefined)
    const notes = resource.open({ revisions: use.revisions, log, clock })
    provide.webRoutes(resource.routes(notes))

    provide.migrations({
      owner: 'app-notes',
      migrations: {
        '0001-notes': {
          async up({ schema }: Database) {
            await schema
              .createTable('app_notes')
              .addColumn('name', 'text', (column) => column.primaryKey())
              .addColumn('document', 'text', (column) => column.notNull())
              .addColumn('updated', 'double precision', (column) => column.notNull())
              .execute()
          },
        },
      },
    })

    provide.webRoutes({
      name: 'app-notes-page',
      prefix: '/web/app-notes',
      async routes(web) {
        web.get('/', { config: { access: 'page' } }, async ({ subject, clientIp }, reply) => {
          const visible = (await use.access.visible(subject, clientIp)).map(({ app }) => app.name)
          const rows = visible.sort().flatMap((name) => {
            const note = notes.items.get(name)
            return note ? [html`<tr><th scope="row">${name}</th><td>${note.text}</td></tr>`] : []
          })
          return reply.page(
            use.pages.render({
              title: 'Notes about applications',
              user: { name: subject.user, roles: subject.roles },
              current: '/web/app-notes',
              width: 'column',
              // Every value is escaped.
              body: html`<h1>Notes about applications</h1>
                ${rows.length > 0 ? html`<table><tbody>${rows}</tbody></table>` : html`<p>There are no notes.</p>`}`,
            }),
          )
        })
      },
    })
    provide.homeLinks({ title: 'Notes', href: '/web/app-notes' })

    provide.dashboardParts({
      kind: 'page',
      right: 'note.list',
      path: 'app-notes',
      title: 'Notes',
      content: async () => [
        {
          kind: 'table',
          title: 'Notes about applications',
          columns: ['Application', 'Note'],
          rows: [...notes.items.values()].map(({ name, text }) => [
            { text: name, href: `/web/admin/apps/${name}` },
            text,
          ]),
          empty: 'There are no notes yet.',
        },
      ],
    })
    provide.dashboardParts({
      kind: 'panel',
      right: 'note.read',
      title: 'Note',
      content: async ({ name }) => [{ kind: 'facts', facts: { Note: notes.items.get(name)?.text ?? null } }],
    })
  },
})
