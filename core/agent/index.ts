/** What mezd is made of, besides what `@mezite/core` exports. */

export type { AgentTransport } from '../hub/tunnel/transport.ts'
export { type Clock, systemClock } from '../kernel/clock.ts'
export {
  type ConfigProblem,
  checkConfig,
  checkPluginConfig,
  configError,
  type ValueProblem,
} from '../kernel/config-check.ts'
export { readConfigFile } from '../kernel/config-file.ts'
export { isMezError, MezError, messageOf } from '../kernel/error.ts'
export type { HookCalls } from '../kernel/hook.ts'
export { createKernel } from '../kernel/kernel.ts'
export type { Log } from '../kernel/log.ts'
export type { AnyPlugin } from '../kernel/plugin.ts'
export { printError } from '../kernel/print-error.ts'
export { runtimeProblems } from '../kernel/runtime-check.ts'
export { type LoadedPlugin, loadEachPlugin, loadPlugins } from '../loader/load.ts'
export { createLog } from '../log/create-log.ts'
export { waitForAll } from '../log/wait-for-all.ts'
export { connectHub, type HubReach, shakeHands } from '../wire/connect-hub.ts'
export { authorityOf, REASON_HEADER, readDialHeaders } from '../wire/dial-headers.ts'
export { startHeartbeat } from '../wire/heartbeat.ts'
export { createLineReader, encodeLine } from '../wire/line-reader.ts'
export { lookupLocalhost } from '../wire/lookup-localhost.ts'
export { relaySocket } from '../wire/relay-socket.ts'
export { releaseListeners } from '../wire/release-listeners.ts'
export { carriedBy } from '../wire/reset-socket.ts'
export { resetStream, StreamPipe } from '../wire/stream-pipe.ts'
export * from '../wire/tunnel-protocol.ts'
export { UnreadBudget } from '../wire/unread-budget.ts'
export { type AgentHooks, agentHooks, type DialTarget, type LinkChanged } from './hooks.ts'
export { agentPartChecks } from './part-checks.ts'
export { agentTransports } from './references.ts'
