import { AsyncLocalStorage } from 'node:async_hooks'
import type { Session, SignInDesk } from '@mezite/core'
import type { PresentedBot } from './bot-proofs.ts'

/** The request that the library is working on, for its storage and its callbacks. */
export interface Call {
  readonly clientIp: string
  readonly requestId: string
  /** The person's session at the hub; undefined at endpoints for programs. */
  readonly hubSession: Session | undefined
  /** The code of a device in the address of the page. */
  readonly userCode?: string
  /** The bot that a token request names; undefined for other clients. */
  readonly bot?: PresentedBot
  /** The grant that a token request asks for, as it says. */
  readonly grant?: string
  /** The bot, or the person of an assertion, that was proven in this call. */
  provenUser?: string
  readonly request: Parameters<SignInDesk['sessionOf']>[0]
}

/** Calls by their asynchronous context: the library passes its own context to some callbacks only, and never to its storage. */
export const calls = new AsyncLocalStorage<Call>()
