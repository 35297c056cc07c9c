import type { App } from '@mezite/core'
import { listsOrigin } from '../request/origin.ts'

const RULE = 'preflight'

/** Admits the CORS preflights of origins that the app lists: browsers send them without the person's cookies. */
export const preflights = {
  name: RULE,
  verify: ({ app, preflightFrom }: { readonly app: App; readonly preflightFrom: string | null }) =>
    preflightFrom !== null && listsOrigin(app, preflightFrom) ? { rule: RULE } : null,
}

/** Whether the admission is of a preflight, which anyone can send by naming a listed origin. */
export const isOfPreflight = ({ verified }: { readonly verified: string | null }): boolean =>
  verified === RULE
