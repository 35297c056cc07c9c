import type {
  Audit,
  Catalog,
  Clock,
  Log,
  Pages,
  PublicNames,
  Revisions,
  Sessions,
  SignInDesk,
  SignInMethod,
  Users,
  WebRoutes,
} from '@mezite/core'
import type { LockView } from '@mezite/core/identity'
import type { Access, Tunnel } from '@mezite/core/protocol'
import type { SignInPages } from './pages.ts'

/** What the routes of this plugin need. */
export interface Deps {
  readonly desk: SignInDesk
  readonly users: Users
  readonly sessions: Sessions
  readonly access: Access
  readonly locks: LockView
  readonly catalog: Catalog
  readonly tunnel: Tunnel
  readonly revisions: Revisions
  readonly audit: Audit
  readonly publicNames: PublicNames
  readonly methods: readonly SignInMethod[]
  /** The home page that a plugin provides instead of the plain one. */
  readonly home: WebRoutes['home']
  /** The sections that plugins add to the page "My account". */
  readonly sections: readonly NonNullable<WebRoutes['account']>[]
  readonly template: Pages
  /** The pages in the language of the browser. */
  readonly pages: (request: Pick<Request, 'headers'>) => SignInPages
  readonly clock: Clock
  readonly log: Log
}

export type Web = Parameters<WebRoutes['routes']>[0]
export type Request = Parameters<SignInDesk['complete']>[0]
export type Reply = Parameters<SignInDesk['complete']>[1]
export type LoginState = NonNullable<ReturnType<SignInDesk['open']>>
