import type { Verifier } from '@mezite/core/protocol'

const RULE = 'preflight'

/** Admits the CORS preflights of origins that the app lists: browsers send them without the person's cookies. */
export const preflights: Verifier = {
  name: RULE,
  verify: ({ app, preflightFrom }) =>
    preflightFrom !== null && app.origins.includes(preflightFrom) ? { rule: RULE } : null,
}

/** Whether the admission is of a preflight, which anyone can send by naming a listed origin. */
export const isOfPreflight = ({ verified }: { readonly verified: string | null }): boolean =>
  verified === RULE
