import { defineHubPlugin, documentation, homeLinks, pages, Type, webRoutes } from '@mezite/core'
import { readContents } from './contents.ts'
import { docsRoutes } from './docs-routes.ts'

/** The documentation of this version below `/web/docs`, so that an isolated network has it as well. */
export default defineHubPlugin({
  name: 'docs',
  api: 1,
  summary: 'Serves the documentation of this version',
  config: Type.Closed({
    public: Type.Boolean({
      default: false,
      description: 'Everyone who reaches the hub can read the documentation, without signing in',
    }),
  }),
  needs: { pages },
  provides: { documentation, homeLinks, webRoutes },
  setup({ config, use, provide }) {
    provide.homeLinks({ title: 'Documentation', titles: { de: 'Dokumentation' }, href: '/web/docs' })
    const access = config.public ? 'public' : 'page'
    const docs = docsRoutes({ contents: readContents(), pages: use.pages, access })
    provide.webRoutes(docs.routes)
    provide.documentation(docs.documentation)
  },
})
