import {
  audit,
  catalog,
  defineHubPlugin,
  pages,
  publicNames,
  revisions,
  sessions,
  signInDesk,
  signInMethods,
  users,
  webRoutes,
} from '@mezite/core'
import { locks } from '@mezite/core/identity'
import { access, tunnel } from '@mezite/core/protocol'
import { accountRoutes } from './account-routes.ts'
import type { Deps } from './deps.ts'
import { loginRoutes } from './login-routes.ts'
import { pageRoutes, servePages } from './page-routes.ts'
import { createSignInPages } from './pages.ts'

export default defineHubPlugin({
  name: 'sign-in',
  api: 1,
  summary: 'Serves the pages of sign-in, My account and sign-out',
  needs: {
    access,
    audit,
    catalog,
    locks,
    pages,
    publicNames,
    revisions,
    sessions,
    signInDesk,
    tunnel,
    users,
  },
  wants: { signInMethods, webRoutes },
  provides: { webRoutes },
  setup({ clock, log, provide, use }) {
    const { signInDesk: desk, signInMethods: methods, webRoutes: others, pages: template } = use
    const pages = createSignInPages(template)
    const deps: Deps = {
      ...use,
      desk,
      methods,
      template,
      clock,
      log,
      home: others.find(({ home }) => home)?.home,
      sections: others.flatMap(({ account }) => account ?? []),
      pages: ({ headers }) => pages(template.languageOf(headers['accept-language'])),
    }
    provide.webRoutes({
      name: 'sign-in',
      prefix: '',
      async routes(app) {
        servePages(app, deps)
        pageRoutes(app, deps)
        loginRoutes(app, deps)
        accountRoutes(app, deps)
      },
    })
  },
})
