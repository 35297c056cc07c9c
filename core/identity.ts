/**
 * For sign-in methods, policies, and plugins that issue credentials or certificates, in addition to `@mezite/core`: logins of
 * bots and of command lines, certificate authorities, signing keys, locks, networks, and fetches from identity providers.
 * Unstable until 1.0: names and signatures may change in any release.
 *
 * @beta
 */
export { type LockView, locks } from './api/access.ts'
export type { Caller } from './api/admission.ts'
export { type Assertion, assertion } from './api/assertion.ts'
export {
  type BotLogins,
  type BotProof,
  botLogins,
  type ProvenBot,
} from './api/bot-logins.ts'
export { createBoundedFetch, gaveNoResponse, isLinkLocal, isLoopback } from './api/bounded-fetch.ts'
export { type Authorities, type AuthorityName, authorities } from './api/certificate-authorities.ts'
export { type CommandLogins, commandLogins } from './api/command-logins.ts'
export { type Confirmations, confirmations } from './api/confirmations.ts'
export type {
  CertifiedCaller,
  Credential,
  CredentialRefusal,
  CredentialRequest,
} from './api/credentials.ts'
export { isLocalPath } from './api/local-path.ts'
export { compilePathPattern, globOf, pathPatternFault, withoutEndSlash } from './api/path-pattern.ts'
export {
  CACHED_MS,
  createSigningKeys,
  type SigningKey,
  type SigningKeys,
} from './api/signing-keys.ts'
export { shownAs } from './api/subject.ts'
export { holderOf, parseUserName } from './api/user-name.ts'
export { rarely } from './base/limits/log-throttle.ts'
export { causesOf } from './kernel/error.ts'
// Leads the compiler to the names of all types that are mentioned here, for the declarations of plugins.
export type {} from './types.ts'
export { cookiesIn, readCookie } from './wire/cookie.ts'
export { createNetworks, isNetwork, type Networks } from './wire/networks.ts'
