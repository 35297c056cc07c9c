import {
  catalog,
  database,
  defineHubPlugin,
  denialHelp,
  grants,
  homeLinks,
  html,
  migrations,
  notifications,
  Problem,
  pages,
  publicNames,
  ROLE_NAME,
  revisions,
  Type,
  webRoutes,
} from '@mezite/core'
import { createRequests, requestMigrations } from './requests.ts'

const PATH = '/web/approvals'
const closed = { additionalProperties: false } as const
const Ask = Type.Object(
  { app: Type.String({ maxLength: 64 }), reason: Type.String({ minLength: 1, maxLength: 200 }) },
  closed,
)
const Answer = Type.Object({ answer: Type.Union([Type.Literal('approve'), Type.Literal('refuse')]) }, closed)
const Params = Type.Object({ id: Type.String({ format: 'uuid' }) }, closed)

/**
 * Lets people ask for an application that no policy opens for them. Somebody else with the role of approvers gives them a role
 * for a time, at this application alone, or refuses.
 */
export default defineHubPlugin({
  name: 'approvals',
  api: 1,
  summary: 'Lets people ask for access, and others approve',
  config: Type.Object(
    {
      role: Type.String({ pattern: ROLE_NAME, description: 'What an approval gives' }),
      approvers: Type.String({ pattern: ROLE_NAME, description: 'Who approves' }),
      for: Type.Duration({ default: '8h', min: '1m', max: '30d', description: 'How long' }),
    },
    closed,
  ),
  needs: { catalog, database, grants, notifications, pages, publicNames, revisions },
  provides: { denialHelp, homeLinks, migrations, webRoutes },
  setup({ config, clock, use, provide }) {
    const requests = createRequests(use.database)
    const isApprover = ({ roles }: { readonly roles: readonly string[] }) => roles.includes(config.approvers)
    const page = { config: { access: 'page' } } as const

    provide.migrations(requestMigrations)
    provide.homeLinks({ title: 'Approvals', href: PATH, role: config.approvers })
    provide.denialHelp({
      name: 'approvals',
      helpFor({ app, subject }) {
        if (subject.kind !== 'session') return null
        return {
          title: 'Ask a colleague',
          text: `Say why you need ${app.name}. Somebody looks at it.`,
          body: html`<form method="post" action=${PATH}>
            <input type="hidden" name="app" value=${app.name} />
            <label>Reason <input name="reason" required maxlength="200" /></label>
            <div class="actions"><button>Ask for ${app.name}</button></div>
          </form>`,
        }
      },
    })

    provide.webRoutes({
      name: 'approvals',
      prefix: PATH,
      async routes(web) {
        web.post<{ Body: { app: string; reason: string } }>(
          '/',
          { ...page, schema: { body: Ask } },
          async ({ body, subject, actor }, reply) => {
            const app = use.catalog.byName(body.app)
            if (!app) throw new Problem(404, 'app_not_found', `There is no application ${body.app}.`)
            await use.revisions.write(async (trx, change) => {
              const { user } = subject
              const isNew = await requests.add(trx, {
                user,
                app: app.id,
                reason: body.reason,
                made: clock.now(),
              })
              // A second click asks nobody twice.
              if (!isNew) return
              const fields = { app: app.name, justification: body.reason }
              await change.audit({ type: 'approval.requested', success: true, by: actor, fields })
              const title = `${user} asks for ${app.name}`
              await use.notifications.send(
                { kind: 'approval', severity: 'info', title, text: body.reason, path: PATH },
                trx,
              )
            }, actor)
            const text = html`<h1>Your request has been sent</h1><p>Open ${app.name} again once it is approved.</p>`
            return reply.page(use.pages.render({ title: 'Approvals', body: text }))
          },
        )

        web.get('/', page, async ({ subject }, reply) => {
          if (!isApprover(subject)) throw new Problem(403, 'role_missing', 'Only approvers see requests.')
          const rows = (await requests.list()).map(
            ({ id, user, app, reason }) => html`<tr>
              <th scope="row">${user}</th><td>${use.catalog.byId(app)?.name ?? 'removed'}</td><td>${reason}</td>
              <td><form method="post" action=${`${PATH}/${id}`}>
                <button name="answer" value="approve">Approve</button>
                <button name="answer" value="refuse">Refuse</button>
              </form></td>
            </tr>`,
          )
          return reply.page(
            use.pages.render({
              ...{ title: 'Approvals', current: PATH, width: 'column' },
              user: { name: subject.user, roles: subject.roles },
              body: html`<h1>Approvals</h1>
                ${rows.length > 0 ? html`<table><tbody>${rows}</tbody></table>` : html`<p>Nobody asks for anything.</p>`}`,
            }),
          )
        })

        web.post<{ Params: { id: string }; Body: { answer: 'approve' | 'refuse' } }>(
          '/:id',
          { ...page, schema: { params: Params, body: Answer } },
          async ({ params: { id }, body: { answer }, subject, actor }, reply) => {
            if (!isApprover(subject))
              throw new Problem(403, 'role_missing', 'Only approvers answer requests.')
            await use.revisions.write(async (trx, change) => {
              const request = await requests.take(trx, id)
              const app = request && use.catalog.byId(request.app)
              if (!request || !app)
                throw new Problem(404, 'request_not_found', 'Somebody has answered it already.')
              const { user, reason } = request
              if (user === subject.user)
                throw new Problem(403, 'own_request', 'Somebody else must approve it.')
              const fields = { app: app.name, target_user: user, justification: reason }
              if (answer === 'approve') {
                const about = {
                  user,
                  role: config.role,
                  apps: [app.id],
                  until: clock.now() + config.for,
                  fields,
                }
                await use.grants.start(about, actor, { trx, change })
              } else await change.audit({ type: 'approval.refused', success: true, by: actor, fields })
              const title = `Your request for ${app.name} was ${answer}d`
              await use.notifications.send({ kind: 'approval', severity: 'info', title, user }, trx)
            }, actor)
            return reply.redirect(PATH, 303)
          },
        )
      },
    })
  },
})
