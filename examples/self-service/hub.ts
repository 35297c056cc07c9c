import {
  catalog,
  defineHubPlugin,
  denialHelp,
  grants,
  html,
  Problem,
  publicNames,
  ROLE_NAME,
  Type,
  webRoutes,
} from '@mezite/core'

const PATH = '/web/self-service'
const Form = Type.Object(
  {
    app: Type.String({ maxLength: 64 }),
    url: Type.String({ maxLength: 4_096 }),
    reason: Type.String({ minLength: 1, maxLength: 200 }),
  },
  { additionalProperties: false },
)

/**
 * Lets people take a role for a time, at the one application that they wanted to open: on the page about the denial they
 * state a reason, which is recorded. The role says which applications this is possible for.
 */
export default defineHubPlugin({
  name: 'self-service',
  api: 1,
  summary: 'Gives people a role for a time, at one application, for a stated reason',
  config: Type.Object(
    {
      /** The role that people may take. */
      role: Type.String({ pattern: ROLE_NAME }),
      /** Applications by this label and value only. */
      label: Type.String(),
      value: Type.String(),
      for: Type.Duration({ default: '1h', min: '1m', max: '24h' }),
    },
    { additionalProperties: false },
  ),
  needs: { catalog, grants, publicNames },
  provides: { denialHelp, webRoutes },
  setup({ config, clock, use, provide }) {
    const isOffered = (labels: Readonly<Record<string, string>>) => labels[config.label] === config.value

    provide.denialHelp({
      name: 'self-service',
      helpFor({ app, subject, url }) {
        if (subject.kind !== 'session' || !isOffered(app.labels)) return null
        return {
          title: 'Open it for a time',
          text: `You can open ${app.name} for ${config.for / 60_000} minutes if you say why. The reason is recorded.`,
          body: html`<form method="post" action=${PATH}>
            <input type="hidden" name="app" value=${app.name} />
            <input type="hidden" name="url" value=${url} />
            <label>Reason <input name="reason" required maxlength="200" /></label>
            <div class="actions"><button>Open ${app.name}</button></div>
          </form>`,
        }
      },
    })

    provide.webRoutes({
      name: 'self-service',
      prefix: PATH,
      async routes(web) {
        web.post<{ Body: { app: string; url: string; reason: string } }>(
          '/',
          { config: { access: 'page' }, schema: { body: Form } },
          async ({ body: { app: name, url, reason }, subject, actor }, reply) => {
            const app = use.catalog.byName(name)
            if (!app || !isOffered(app.labels))
              throw new Problem(403, 'not_offered', `Nobody can open ${name} in this way.`)
            const until = clock.now() + config.for
            const about = { role: config.role, apps: [app.id], until, fields: { justification: reason } }
            await use.grants.start({ user: subject.user, ...about }, actor)
            // Only to the application itself, whatever the form says.
            const origin = `https://${app.publicAddr}${use.publicNames.portSuffix}`
            return reply.redirect(url.startsWith(`${origin}/`) ? url : `${origin}/`, 303)
          },
        )
      },
    })
  },
})
