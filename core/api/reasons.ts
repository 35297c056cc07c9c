/**
 * The catalogue of reasons, for command lines. Plugins import what they need of it from `@mezite/core`.
 *
 * @internal
 */

import type { ForeignReason, Reason, Reasons } from '../kernel/reason.ts'
import { accessReasons } from './access-reasons.ts'
import { agentReasons } from './agent-reasons.ts'
import { Problem } from './problem.ts'
import { requestReasons } from './request-reasons.ts'

/**
 * The reasons of the core, and those that several plugins and the command lines share. A code stands for one reason and never
 * changes its meaning.
 */
export const reasons = { ...accessReasons, ...agentReasons, ...requestReasons }

/** @internal */
type Listed = typeof reasons
/** `reasons`, by a name for the compiler. */
export interface CoreReasons extends Listed {}

/** A code of `reasons`. */
export type ReasonCode = keyof CoreReasons

/** A code of `reasons`, or one of a plugin or another program. */
export type AnyReason = ReasonCode | ForeignReason

/** A code of `reasons` that responses have. */
export type RespondingReason = Responding<CoreReasons>

/** The reason with this code; undefined for one of a plugin. */
export const reasonNamed = (code: string): Reason | undefined =>
  Object.hasOwn(reasons, code) ? reasons[code as ReasonCode] : undefined

/** The status of responses with a code; 403 for one of a plugin. */
export const statusOf = (code: string): number => reasonNamed(code)?.status ?? 403

type ReasonsIn<All> = { readonly [Code in keyof All]: Reason }

/** The codes of responses. */
type Responding<All> = {
  [Code in keyof All]: All[Code] extends { readonly status: number } ? Code : never
}[keyof All] &
  string

type Said<One> = One extends { readonly en: string }
  ? [detail?: string, members?: Problem['members']]
  : [detail: string, members?: Problem['members']]

/** Makes problems from reasons: a code without a reason does not compile. */
export interface ProblemMakers<All> {
  /** The problem with this code, its status and its sentence, which `detail` replaces: `problemFor('key_known')`. */
  problemFor<Code extends Responding<All>>(code: Code, ...said: Said<All[Code]>): Problem
  /** The same with the name of an app in the place of `APP` in the sentence. */
  problemAbout(code: Responding<All>, app: string): Problem
}

function makersOf<All extends ReasonsIn<All>>(all: All): ProblemMakers<All> {
  const make = (code: Responding<All>, detail?: string, members?: Problem['members']) =>
    new Problem(all[code].status ?? 500, code, detail ?? all[code].en ?? '', members)
  return {
    problemFor: (code, ...[detail, members]) => make(code, detail, members),
    problemAbout: (code, app) => make(code, all[code].en?.replaceAll('APP', app)),
  }
}

export const { problemFor, problemAbout }: ProblemMakers<CoreReasons> = makersOf<CoreReasons>(reasons)

/**
 * The reasons of a plugin for its definition, and what makes problems with their codes and those of the core. A code has the same
 * status wherever it is.
 */
export const defineReasons = <Own extends Reasons>(
  own: Own,
): { readonly reasons: Own } & ProblemMakers<Own & CoreReasons> => ({
  reasons: own,
  ...makersOf<Own & CoreReasons>({ ...own, ...reasons }),
})
