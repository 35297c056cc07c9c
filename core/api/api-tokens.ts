import { serviceRef } from '../kernel/reference.ts'
import type { Subject } from './subject.ts'

/** Credentials of programs for the JSON API. Provided by api-tokens; without it no such token is accepted. */
export interface ApiTokens {
  /**
   * The holder of a bearer token, of kind `token` and with the roles in force now: none while it, or the person whose roles
   * it borrows, is locked. Null: not an API token, or not valid. Called for every bearer token; reads from memory.
   */
  identify(secret: string): Subject | null
}

/** Looks up the tokens of programs. */
export const apiTokens = serviceRef<ApiTokens>('apiTokens')
