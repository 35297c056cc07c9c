import {
  catalog,
  type Database,
  dashboardParts,
  database,
  defineHubPlugin,
  homeLinks,
  html,
  migrations,
  Problem,
  pages,
  revisions,
  Type,
  webRoutes,
} from '@mezite/core'
import { access } from '@mezite/core/protocol'

type Tables = { app_notes: { app: string; text: string; updated: number } }

const admin = { config: { access: 'admin' } } as const
const Body = Type.Object(
  { text: Type.String({ minLength: 1, maxLength: 1_000 }) },
  { additionalProperties: false },
)
const Params = Type.Object({ app: Type.String({ maxLength: 64 }) }, { additionalProperties: false })

/**
 * Notes of administrators about applications, such as "read-only until Monday": a table of its own, an API that records each
 * change, and a page where people read the notes of the applications that they may open.
 */
export default defineHubPlugin({
  name: 'app-notes',
  api: 1,
  summary: 'Shows notes about applications',
  needs: { access, catalog, database, pages, revisions },
  provides: { dashboardParts, homeLinks, migrations, webRoutes },
  setup({ use, provide, clock }) {
    const list = () =>
      use.database.withTables<Tables>().selectFrom('app_notes').selectAll().orderBy('app').execute()

    provide.migrations({
      owner: 'app-notes',
      migrations: {
        '0001-notes': {
          async up(db: Database) {
            await db.schema
              .createTable('app_notes')
              .addColumn('app', 'text', (column) => column.primaryKey())
              .addColumn('text', 'text', (column) => column.notNull())
              .addColumn('updated', 'double precision', (column) => column.notNull())
              .execute()
          },
        },
      },
    })

    provide.webRoutes({
      name: 'app-notes',
      prefix: '/v1/webapi/app-notes',
      async routes(web) {
        web.get('/', admin, list)
        web.put<{ Params: { app: string }; Body: { text: string } }>(
          '/:app',
          { ...admin, schema: { params: Params, body: Body } },
          ({ params: { app }, body: { text }, actor }) =>
            // Writes and records in one transaction, after a second look at the rights of the caller.
            use.revisions.write(async (trx, change) => {
              if (!use.catalog.byName(app))
                throw new Problem(404, 'app_not_found', `There is no application ${app}.`)
              const note = { app, text, updated: clock.now() }
              await trx
                .withTables<Tables>()
                .insertInto('app_notes')
                .values(note)
                .onConflict((conflict) => conflict.column('app').doUpdateSet(note))
                .execute()
              await change.audit({ type: 'app.note.set', success: true, by: actor, fields: { app } })
              return note
            }, actor),
        )
        web.delete<{ Params: { app: string } }>(
          '/:app',
          { ...admin, schema: { params: Params } },
          ({ params: { app }, actor }) =>
            use.revisions.write(async (trx, change) => {
              await trx.withTables<Tables>().deleteFrom('app_notes').where('app', '=', app).execute()
              await change.audit({ type: 'app.note.removed', success: true, by: actor, fields: { app } })
              return { app, removed: true }
            }, actor),
        )
      },
    })

    provide.webRoutes({
      name: 'app-notes-page',
      prefix: '/web/app-notes',
      async routes(web) {
        web.get('/', { config: { access: 'page' } }, async ({ subject, clientIp }, reply) => {
          const visible = new Set((await use.access.visible(subject, clientIp)).map(({ app }) => app.name))
          const notes = (await list()).filter(({ app }) => visible.has(app))
          const rows = notes.map(
            ({ app, text }) => html`<tr><th scope="row">${app}</th><td>${text}</td></tr>`,
          )
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
      kind: 'panel',
      title: 'Note',
      async content({ name }) {
        const note = (await list()).find(({ app }) => app === name)
        const field = { name: 'text', label: 'Text', value: note?.text ?? '' }
        return [
          { kind: 'facts', facts: { Changed: note ? { time: note.updated } : null } },
          {
            ...{ kind: 'form', title: 'Note', method: 'PUT', path: `/v1/webapi/app-notes/${name}` },
            ...{ fields: [field], submit: 'Save the note' },
          },
        ]
      },
    })
  },
})
