import type { Pages } from '@mezite/core'
import { reasons } from './reasons.ts'
import type { Words } from './texts.ts'

type Problems = Readonly<Record<string, string | undefined>>

/** Words with sentences for people by reason code, in place of those of the hub, which are English. */
export type ScriptWords = Words & { readonly problems: Problems }

/** Reasons of the core that the script of the pages meets. */
const SHARED = [
  ...['address_limit', 'csrf', 'key_unknown', 'login_required', 'state_expired'],
  ...['too_many_requests', 'type_wrong', 'user_unknown', 'view_stale', 'wrong_host'],
]

/** The sentences that the script of the pages shows for the hub's refusals. */
export const problemsIn = (language: 'en' | 'de', pages: Pick<Pages, 'reasonOf'>): Problems =>
  language === 'en'
    ? {}
    : Object.fromEntries(
        [...Object.keys(reasons), ...SHARED].map((code) => [code, pages.reasonOf(code)?.[language]]),
      )
