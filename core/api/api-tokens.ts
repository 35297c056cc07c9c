import { serviceRef } from '../kernel/reference.ts'
import type { Subject } from './subject.ts'

/**
 * API tokens: credentials of programs for the JSON API. Provided by api-tokens; without it no API token is accepted.
 */
export interface ApiTokens {
  /**
   * The subject of a bearer token, of kind `token`, with its current roles: none while the token, or the person whose
   * roles it uses, is locked. Null when it is not a valid API token. Called for every bearer token; reads from memory.
   */
  identify(secret: string): Subject | null
}

/** Looks up API tokens. */
export const apiTokens = serviceRef<ApiTokens>('apiTokens')
