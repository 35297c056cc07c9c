/**
 * The parts of mezd that `@mezite/core` does not export.
 *
 * @internal
 */

export { type AgentHooks, agentHooks, type DialTarget, type LinkChanged } from './api/agent-hooks.ts'
export { type AppSource, appSources, type ProposedApp } from './api/app-sources.ts'
export { DialRefusal } from './api/dial-refusal.ts'
export { hubHooks } from './api/hub-hooks.ts'
export { agentPartChecks } from './api/part-checks.ts'
export {
  MOST_PROPOSED,
  PROPOSALS_BYTES,
  PROPOSALS_PER_MINUTE,
  readProposedApp,
} from './api/proposed-apps.ts'
export { reasonNamed } from './api/reasons.ts'
export { type AgentTransport, agentTransports, type HubTarget } from './api/transport.ts'
export { reportCrash } from './base/loader/crash-report.ts'
export { type LoadedPlugin, loadEachPlugin, loadPlugins } from './base/loader/plugin-loader.ts'
export { runtimeProblems } from './base/loader/runtime-check.ts'
export { secretVariable } from './base/loader/secret-variable.ts'
export { releaseStartupMemory } from './base/loader/startup-memory.ts'
export { createDiagnosticsListener, healthRoute, plainText } from './base/log/diagnostics-listener.ts'
export { createLog } from './base/log/program-log.ts'
export { installService } from './base/log/service-install.ts'
export { reportServiceState } from './base/log/service-state.ts'
export { type Clock, systemClock } from './kernel/clock.ts'
export {
  type ConfigProblem,
  checkConfig,
  checkPluginConfig,
  configError,
  type ValueProblem,
} from './kernel/config-check.ts'
export { readConfigFile } from './kernel/config-file.ts'
export { isMezError, MezError, messageOf, printError } from './kernel/error.ts'
export { lockFile } from './kernel/file-lock.ts'
export type { HookCalls } from './kernel/hook.ts'
export { createKernel } from './kernel/kernel.ts'
export type { Log } from './kernel/log.ts'
export type { AnyPlugin } from './kernel/plugin.ts'
export { type ProveCarrier, proveAgent, proveJoin } from './wire/carrier-proof.ts'
export {
  ALPN_HEADER,
  authorityOf,
  DETAIL_HEADER,
  detailValue,
  REASON_HEADER,
  readDialHeaders,
} from './wire/dial-headers.ts'
export { startHeartbeat } from './wire/heartbeat.ts'
export { connectHub, type HubReach, shakeHands } from './wire/hub-connection.ts'
export { createLineReader, encodeLine } from './wire/line-reader.ts'
export { releaseListeners } from './wire/listener-release.ts'
export { lookupLocalhost } from './wire/localhost-lookup.ts'
export { relaySocket } from './wire/socket-relay.ts'
export { carriedBy } from './wire/socket-reset.ts'
export { resetStream, StreamPipe } from './wire/stream-pipe.ts'
export * from './wire/tunnel-protocol.ts'
export { UnreadBudget } from './wire/unread-budget.ts'
