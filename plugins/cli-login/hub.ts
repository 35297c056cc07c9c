import {
  database,
  defineHubPlugin,
  migrations,
  pages,
  publicNames,
  sessions,
  signInDesk,
  webRoutes,
} from '@mezite/core'
import { authorities, commandLogins } from '@mezite/core/identity'
import { createCommandLogins } from './command-logins.ts'
import { codeMigrations, createLoginCodes } from './login-codes.ts'
import { loginRoutes } from './login-routes.ts'
import { reasons } from './reasons.ts'

export default defineHubPlugin({
  name: 'cli-login',
  api: 1,
  summary: 'Signs in mezctl and msh through the browser',
  needs: { authorities, database, pages, publicNames, sessions, signInDesk },
  provides: { commandLogins, migrations, webRoutes },
  reasons,
  setup({ clock, log, use, provide }) {
    const { signInDesk: desk, sessions } = use
    const codes = createLoginCodes(use.database, clock)
    const logins = createCommandLogins({ codes, sessions, desk, log })
    provide.migrations(codeMigrations)
    provide.commandLogins(logins)
    provide.webRoutes(loginRoutes({ ...use, codes, logins, desk }))
  },
})
