import {
  defineHubPlugin,
  denialHelp,
  grants,
  html,
  pages,
  publicNames,
  ROLE_NAME,
  Type,
  webRoutes,
} from '@mezite/core'

/**
 * Offers a role for a time to people whom no policy lets into an application: a link on the page of the denial leads to a page
 * with a button. The role counts in every decision and record, and ends by itself on every hub.
 */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Offers a role for a time',
  config: Type.Closed({
    role: Type.String({ pattern: ROLE_NAME, description: 'The role that people may take' }),
    duration: Type.Duration({ default: '1h', min: '1m', max: '30d', description: 'How long they have it' }),
  }),
  needs: { grants, pages, publicNames },
  provides: { denialHelp, webRoutes },
  setup({ clock, config, provide, use }) {
    const path = '/web/my-plugin'
    provide.denialHelp({
      name: 'my-plugin',
      // Runs before the response, so it reads from memory; somebody whom a policy or a lock denies is not asked for.
      helpFor({ subject }) {
        if (subject.kind !== 'session' || subject.roles.includes(config.role)) return null
        return { title: 'Take the role for a time', text: `You can have the role ${config.role}.`, path }
      },
    })
    provide.webRoutes({
      name: 'my-plugin',
      prefix: path,
      async routes(web) {
        web.get('/', { config: { access: 'page' } }, async ({ headers, subject }, reply) =>
          reply.page(
            use.pages.render({
              title: 'Take the role for a time',
              language: use.pages.languageOf(headers['accept-language']),
              user: { name: subject.user, roles: subject.roles },
              body: html`<form method="post" action=${path}><button>Take the role ${config.role}</button></form>`,
            }),
          ),
        )
        web.post('/', { config: { access: 'page' } }, async ({ actor, subject }, reply) => {
          await use.grants.start(
            { user: subject.user, role: config.role, until: clock.now() + config.duration },
            actor,
          )
          return reply.redirect(`${use.publicNames.signInOrigin}/`, 303)
        })
      },
    })
  },
})
