import type { ComponentChildren } from 'preact'
import type { Responses, Right } from '../api-types.ts'
import { followed } from '../live.ts'

const rights = followed<Responses['GET /me/rights']>('/me/rights', ['role', 'user', 'grant', 'lock'])

/** How long the first page waits for the rights, in milliseconds. */
const WAIT_MS = 3_000

/** Loads the rights of the person, and follows their changes from then on. */
export const loadRights = (): Promise<void> =>
  Promise.race([rights.loaded(), new Promise<void>((resolve) => setTimeout(resolve, WAIT_MS))])

/**
 * Whether the person has a right, for some things at least. Parts of pages that ask are drawn again when the answer changes. Until the
 * rights are known everything is shown: the hub decides, and a page can then say why it shows nothing.
 */
export function may(right: Right): boolean {
  const { data } = rights.state.value
  return data === undefined || data[right] !== undefined
}

/** Where the pages of plugins are: who lacks the right to them all has those that open to their reader. */
export const pagesAt = (right: 'dashboard.list' | 'dashboard.read') => (may(right) ? 'pages' : 'own-pages')

/** What the hub would refuse to people without all of these rights is not shown to them. */
export const Needs = (props: {
  readonly right: Right | readonly Right[]
  readonly children: ComponentChildren
}) => ([props.right].flat().every(may) ? props.children : null)
