import { createHash } from 'node:crypto'
import { problemFor, Type } from '@mezite/core'
import type { Question } from './decision-point.ts'

const MOST_RESULTS = 1_000

const Properties = Type.Optional(Type.Record(Type.String(), Type.Unknown()))
const Typed = Type.Object({ type: Type.String(), properties: Properties })
const Named = Type.Object({
  type: Type.String(),
  id: Type.String({ maxLength: 1_024 }),
  properties: Properties,
})
const Action = Type.Object({ name: Type.String(), properties: Properties })
const Context = Type.Optional(Type.Record(Type.String(), Type.Unknown()))
const Page = Type.Optional(
  Type.Object({
    token: Type.Optional(Type.String({ maxLength: 4_096, description: 'next_token of the page before' })),
    limit: Type.Optional(Type.Integer({ minimum: 0, description: `At most ${MOST_RESULTS}, the default` })),
  }),
)

/** Bodies of the questions (AuthZEN Authorization API 1.0, sections 5 to 8). Keys that are not known are ignored, as it demands. */
export const Bodies = {
  evaluation: Type.Object({ subject: Named, action: Action, resource: Named, context: Context }),
  subject: Type.Object({ subject: Typed, action: Action, resource: Named, context: Context, page: Page }),
  resource: Type.Object({ subject: Named, action: Action, resource: Typed, context: Context, page: Page }),
  action: Type.Object({ subject: Named, resource: Named, context: Context, page: Page }),
}

/** A body that one of `Bodies` has accepted; what the question searches for may be missing. */
export interface Body {
  readonly subject: { readonly type: string; readonly id?: string }
  readonly action?: { readonly name: string }
  readonly resource: {
    readonly type: string
    readonly id?: string
    readonly properties?: Readonly<Record<string, unknown>>
  }
  readonly context?: Readonly<Record<string, unknown>>
  readonly page?: { readonly token?: string; readonly limit?: number }
}

/** Reads a question. `actions`: the method of each action, or `open`. Throws `Problem` 400 for members that it cannot read. */
export function readQuestion(
  { subject, action, resource, context }: Body,
  actions: ReadonlyMap<string, string>,
): Question {
  const { path = '/' } = resource.properties ?? {}
  if (typeof path !== 'string' || !path.startsWith('/') || path.length > 8_192)
    throw problemFor('bad_request', 'resource.properties.path must be a path that begins with /.')
  const { satisfied = [] } = context ?? {}
  if (!Array.isArray(satisfied) || !satisfied.every((name) => typeof name === 'string'))
    throw problemFor('bad_request', 'context.satisfied must be a list of names of requirements.')
  return {
    subjectType: subject.type,
    resourceType: resource.type,
    action: actions.get(action?.name ?? '') ?? null,
    target: path,
    satisfied,
  }
}

/** One page of sorted ids, and what the answer says about it. */
export interface Found {
  readonly ids: readonly string[]
  readonly page: { readonly next_token: string; readonly count: number; readonly total: number }
}

/**
 * The page of `ids` that the body asks for. A token holds the last id of the page before and a digest of the question, so that the
 * pages of one question never continue another. Throws `Problem` 400 for a token of another question.
 */
export function pageOf(ids: readonly string[], search: string, body: Body): Found {
  const { token = '', limit = MOST_RESULTS } = body.page ?? {}
  const { page: _, ...question } = body
  const digest = createHash('sha256')
    .update(JSON.stringify([search, question]))
    .digest('base64url')
  const after = token === '' ? null : readToken(token, digest)
  const from = after === null ? 0 : ids.findIndex((id) => id > after)
  const found = from < 0 ? [] : ids.slice(from, from + Math.min(limit, MOST_RESULTS))
  const last = found.at(-1)
  const isLast = last === undefined || last === ids.at(-1)
  const next = isLast ? '' : Buffer.from(JSON.stringify([digest, last])).toString('base64url')
  return { ids: found, page: { next_token: next, count: found.length, total: ids.length } }
}

function readToken(token: string, digest: string): string {
  try {
    const [of, after] = JSON.parse(Buffer.from(token, 'base64url').toString())
    if (of === digest && typeof after === 'string') return after
  } catch {
    // As a token of another question.
  }
  throw problemFor('bad_request', 'page.token belongs to another question; ask for the first page again.')
}
