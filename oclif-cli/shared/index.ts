/**
 * Code that mezctl and msh share.
 *
 * @internal
 */
export { AdminCommand, type AdminFlags, yesFlag } from './admin-command.ts'
export { BaseCommand, type Format, showJsonLine, showYaml } from './base-command.ts'
export type { Commands } from './bundled-commands.ts'
export { CliError, didYouMean, messageOf, reportError, suggest } from './cli-error.ts'
export { CompletionCommand } from './completion-command.ts'
export { fileFlags, PutCommand, putDocuments } from './document-upload.ts'
export { type ResourceDocument, readDocuments, resolveSecrets } from './documents.ts'
export { adminLogins, chooseEndpoint, mezctlHome } from './endpoint-choice.ts'
export { type EnrolmentLink, enrolmentText } from './enrolment-link.ts'
export { type CallOptions, createHubClient, type HubClient, path, type Query } from './hub-client.ts'
export {
  type HubEndpoint,
  type ProxyAddress,
  parseProxy,
  proxyEndpoint,
  readCaFile,
} from './hub-endpoint.ts'
export { jwkThumbprint } from './jwk-thumbprint.ts'
export { ListCommand, type Listing, showRows } from './list-command.ts'
export {
  type Arrangement,
  appsWith,
  arranged,
  type Column,
  chosen,
  isPast,
  type ListFlags,
  listFlags,
} from './list-flags.ts'
export { listOrNull, parseRoles, strictFlag, unknownRoles } from './name-checks.ts'
export {
  checkPrivateFile,
  makePrivateFolder,
  readPrivateFile,
  writePrivateFile,
} from './private-file.ts'
export {
  endLogin,
  type Profile,
  type ProfileStore,
} from './profile-store.ts'
export { commandClasses } from './program.ts'
export {
  addressOf,
  count,
  cutText,
  type Flat,
  listOf,
  nameOf,
  type Resource,
  resourceOf,
} from './resource.ts'
export { type ResourceAction, type ResourceCommands, resourceCommands } from './resource-commands.ts'
export { showCell, showFields, showLabels, showTable } from './table.ts'
export { confirm, isTerminal, withProgress } from './terminal.ts'
export { escapeText } from './text-escaping.ts'
export { formatTime, parseDurationSeconds, parseTime } from './time.ts'
