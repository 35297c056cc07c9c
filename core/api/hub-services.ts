import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { Access as AccessService, Users as UsersService } from './access.ts'
import type { Assertion as AssertionService } from './assertion.ts'
import type { Audit as AuditService, AuditSink } from './audit.ts'
import type { Catalog as CatalogService } from './catalog.ts'
import type { Authorities as AuthoritiesService } from './certificate-authorities.ts'
import type { CommandLogins } from './command-logins.ts'
import type { Database, Migrations } from './database.ts'
import type { ForwardContext, HeaderLines } from './hub-hooks.ts'
import type { Metrics as MetricsService } from './metrics.ts'
import type { CertifiedHttp, Protocol } from './protocol.ts'
import type { ProxyLimits } from './proxy-limits.ts'
import type { Revisions as RevisionsService } from './revisions.ts'
import type { SecretBox as SecretBoxService } from './secret-box.ts'
import type { SessionLimits } from './session-limits.ts'
import type { Sessions as SessionsService } from './sessions.ts'
import type { SignInDesk } from './sign-in.ts'
import type { SignInMethod } from './sign-in-method.ts'
import type { HubTransport } from './transport.ts'
import type { Tunnel as TunnelService } from './tunnel.ts'
import type { PublicNames, WebRoutes } from './web-routes.ts'

// Services: exactly one part answers. All but `assertion`, `sessionLimits` and `certifiedHttp` are the hub's own.

/** The hub's own database, PostgreSQL or embedded. */
export const database = serviceRef<Database>('database')
/** The change sequence: through it access data is written and read. */
export const revisions = serviceRef<RevisionsService>('revisions')
/** Encrypts secrets that are stored. */
export const secretBox = serviceRef<SecretBoxService>('secretBox')
/** The certificate authorities of the cluster. */
export const authorities = serviceRef<AuthoritiesService>('authorities')
/** The registered apps, in memory. */
export const catalog = serviceRef<CatalogService>('catalog')
/** User names and who holds them. */
export const users = serviceRef<UsersService>('users')
/** The one place that decides. */
export const access = serviceRef<AccessService>('access')
/** Sessions of every kind, and the live streams that end with them. */
export const sessions = serviceRef<SessionsService>('sessions')
/** The live agents of this hub. */
export const tunnel = serviceRef<TunnelService>('tunnel')
/** The one way to record. */
export const audit = serviceRef<AuditService>('audit')
/** `proxy.limits` of the configuration. */
export const proxyLimits = serviceRef<ProxyLimits>('proxyLimits')
/** What `/metrics` shows. */
export const metrics = serviceRef<MetricsService>('metrics')
/** What the hub calls itself. */
export const publicNames = serviceRef<PublicNames>('publicNames')
/** Signs who is calling; identity-jwt's. */
export const assertion = serviceRef<AssertionService>('assertion')
/** How long a person's sessions may last; rbac's. */
export const sessionLimits = serviceRef<SessionLimits>('sessionLimits')
/** Where every sign-in method ends. */
export const signInDesk = serviceRef<SignInDesk>('signInDesk')
/** Takes HTTP/1.1 of people whom a certificate named; http-apps'. */
export const certifiedHttp = serviceRef<CertifiedHttp>('certifiedHttp')
/** Where the sign-in of a command line ends. */
export const commandLogins = serviceRef<CommandLogins>('commandLogins')

/**
 * Runs the taps of `http.forward` over the header lines that will go to the app, on behalf of the protocol that sends
 * them (a plugin cannot call hooks). Synchronous; returns the same array when nobody taps; throws what a tap throws.
 */
export const forwardHeaders =
  serviceRef<(lines: HeaderLines, context: ForwardContext) => HeaderLines>('forwardHeaders')

/** Ids of the hub's own. */
export const ownServices: readonly string[] = [
  ...[database, revisions, secretBox, authorities, catalog, users, access, sessions, tunnel, audit, metrics],
  ...[publicNames, proxyLimits, signInDesk, commandLogins, forwardHeaders],
].map(({ id }) => id)

// Slots: several named parts exist.

/** How byte streams of agents arrive. */
export const transports = slotRef<HubTransport>('transports')
/** What takes connections on the public port. */
export const protocols = slotRef<Protocol>('protocols')
/** Where events of the audit go. */
export const auditSinks = slotRef<AuditSink>('auditSinks')
/** Routes on the hub's own host. */
export const webRoutes = slotRef<WebRoutes>('webRoutes')
/** Tables of a plugin's own. */
export const migrations = slotRef<Migrations>('migrations')
/** Ways to sign in. */
export const signInMethods = slotRef<SignInMethod>('signInMethods')
