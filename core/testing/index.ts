/**
 * Test helpers for plugin authors. None of this runs in a hub or an agent. Still beta: suites find more in each release, so a
 * plugin that has passed may fail; names and what they take are meant to stay.
 *
 * @beta
 */
export { type AdminClient, ApiError, adminClient } from '../program/admin/admin-client.ts'
export { freePort } from '../program/dev/free-port.ts'
// Leads the compiler to the names of all types that are mentioned here, for the declarations of plugins.
export type {} from '../types.ts'
export { type AppSourceUnderTest, conformAppSource } from './app-source-conformance.ts'
export { conformAuditSink, type SinkUnderTest } from './audit-sink-conformance.ts'
export { conformCertificates, type SourceUnderTest } from './certificate-conformance.ts'
export { type CommandUnderTest, conformCommand, type FlagUnderTest } from './command-conformance.ts'
export { type ConformTest, conformTest } from './conformance-test.ts'
export { type CredentialUnderTest, conformCredential, type Tried } from './credential-conformance.ts'
export { type ConformDialerOptions, conformDialer, testTarget } from './dialer-conformance.ts'
export {
  type Attestation,
  BACKUP_ELIGIBLE,
  type CeremonyOptions,
  FakeAuthenticator,
  type ResponseChanges,
} from './fake-authenticator.ts'
export { type FakeClock, fakeClock } from './fake-clock.ts'
export { FakeIssuer, type Misbehaviour } from './fake-issuer.ts'
export { type ConformHttpHooksOptions, conformHttpHooks } from './http-hook-conformance.ts'
export { conformJob, type JobUnderTest, type TestJobs, testJobs } from './job-conformance.ts'
export { type MemoryLog, memoryLog } from './memory-log.ts'
export { MemoryTunnel } from './memory-tunnel.ts'
export { conformMigrations } from './migration-conformance.ts'
export { conformNotifier, type NotifierUnderTest, testMessage } from './notifier-conformance.ts'
export { conformPackage } from './package-conformance.ts'
export { type ConformPluginOptions, conformPlugin } from './plugin-conformance.ts'
export { type ConformPolicyOptions, conformPolicy, testQuery } from './policy-conformance.ts'
export { startPostgres, type TestPostgres } from './postgres.ts'
export { connectIssuer, type ProgramLogin, programLogin } from './program-login.ts'
export { openProtocolBench, type ProtocolBench } from './protocol-bench.ts'
export {
  type ConformProtocolOptions,
  conformProtocol,
  type ProtocolVisit,
} from './protocol-conformance.ts'
export { type ConformResourceOptions, conformResource } from './resource-conformance.ts'
export { type ConformRoutesOptions, conformDashboardParts, conformRoutes } from './route-conformance.ts'
export { type ConformSignInOptions, conformSignIn, type SignInVisit } from './sign-in-conformance.ts'
export { createTestAgent, type TestAgent, type TestAgentOptions } from './test-agent.ts'
export { createTestHost, type RecordedTap, type TestHost, type TestHostOptions } from './test-host.ts'
export { createTestHub, type PluginUnderTest, type TestHub, type TestHubOptions } from './test-hub.ts'
export { type TestEventSource, testActor, testCertificate, testEvent, testSecretBox } from './test-parts.ts'
export type { TransportUnderTest } from './transport-bench.ts'
export { type ConformTransportOptions, conformTransport } from './transport-conformance.ts'
export { measureTransport, type TransportFigures } from './transport-figures.ts'
export { conformVerifier, type SentRequest, type VerifierUnderTest } from './verifier-conformance.ts'
export { type Answer, type Ask, Visitor } from './visitor.ts'
