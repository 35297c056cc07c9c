import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { Access as AccessService, Users as UsersService } from './access/access.ts'
import type { Audit as AuditService, AuditSink } from './audit/audit.ts'
import type { Catalog as CatalogService } from './catalog/catalog.ts'
import type { Changes as ChangesService } from './database/changes.ts'
import type { Database, Migrations } from './database/database.ts'
import type { Metrics as MetricsService } from './diagnostics/metrics.ts'
import type { CertifiedHttp, Protocol } from './front/protocol.ts'
import type { ForwardContext, HeaderLines } from './hooks.ts'
import type { Authorities as AuthoritiesService } from './keys/authorities.ts'
import type { Vault as VaultService } from './keys/vault.ts'
import type { ProxyLimits } from './limits/proxy-limits.ts'
import type { SessionLimits } from './sessions/session-limits.ts'
import type { Sessions as SessionsService } from './sessions/sessions.ts'
import type { HubTransport } from './tunnel/transport.ts'
import type { Tunnel as TunnelService } from './tunnel/tunnel.ts'
import type { Assertion as AssertionService } from './web/assertion.ts'
import type { CommandLogins } from './web/command-logins.ts'
import type { SignInDesk } from './web/sign-in.ts'
import type { SignInMethod } from './web/sign-in-method.ts'
import type { PublicNames, WebRoutes } from './web/web-routes.ts'

/**
 * Services: exactly one part answers. All but `assertion` (identity-jwt), `sessionLimits` (rbac) and `certifiedHttp`
 * (http-apps) are the hub's own.
 */
export const database = serviceRef<Database>('database')
export const changes = serviceRef<ChangesService>('changes')
export const vault = serviceRef<VaultService>('vault')
export const authorities = serviceRef<AuthoritiesService>('authorities')
export const catalog = serviceRef<CatalogService>('catalog')
export const users = serviceRef<UsersService>('users')
export const access = serviceRef<AccessService>('access')
export const sessions = serviceRef<SessionsService>('sessions')
export const tunnel = serviceRef<TunnelService>('tunnel')
export const audit = serviceRef<AuditService>('audit')
/** `proxy.limits` of the configuration. */
export const proxyLimits = serviceRef<ProxyLimits>('proxyLimits')
export const metrics = serviceRef<MetricsService>('metrics')
export const publicNames = serviceRef<PublicNames>('publicNames')
export const assertion = serviceRef<AssertionService>('assertion')
export const sessionLimits = serviceRef<SessionLimits>('sessionLimits')
export const signInDesk = serviceRef<SignInDesk>('signInDesk')
export const certifiedHttp = serviceRef<CertifiedHttp>('certifiedHttp')
export const commandLogins = serviceRef<CommandLogins>('commandLogins')

/**
 * Runs the taps of `http.forward` over the header lines that will go to the app, on behalf of the protocol that sends
 * them (a plugin cannot call hooks). Synchronous; returns the same array when nobody taps; throws what a tap throws.
 */
export const forwardHeaders =
  serviceRef<(lines: HeaderLines, context: ForwardContext) => HeaderLines>('forwardHeaders')

/** Slots: several named parts exist. */
export const transports = slotRef<HubTransport>('transports')
export const protocols = slotRef<Protocol>('protocols')
export const auditSinks = slotRef<AuditSink>('auditSinks')
export const webRoutes = slotRef<WebRoutes>('webRoutes')
export const migrations = slotRef<Migrations>('migrations')
export const signInMethods = slotRef<SignInMethod>('signInMethods')
