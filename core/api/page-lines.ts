import { pagePolicy } from './page-policy.ts'
import type { PageLayout, Pages } from './pages.ts'

const CSP = pagePolicy()

/** Header lines of every page and response of the hub itself on an app's host. */
export const ownLines: readonly string[] = [
  'Cache-Control',
  'no-store',
  'Content-Security-Policy',
  CSP,
  'X-Content-Type-Options',
  'nosniff',
  'Referrer-Policy',
  'no-referrer',
]

/** `ownLines` for a page with a form: without a referrer browsers would send `Origin: null`. */
export const formLines: readonly string[] = ownLines.map((text) =>
  text === 'no-referrer' ? 'same-origin' : text,
)

/** `ownLines` for a page that pages of `ancestors` (policy sources) may show in a frame. */
export const framedLines = (ancestors: string): readonly string[] =>
  ownLines.map((text) => (text === CSP ? pagePolicy({ ancestors }) : text))

/** A page on a host without routes of the hub, or for a browser whose further requests would be refused too. */
export function pageElsewhere(
  pages: Pages,
  layout: PageLayout,
): { readonly lines: readonly string[]; readonly body: string } {
  const lines = formLines.map((text) => (text === CSP ? pages.elsewherePolicy : text))
  return {
    lines: [...lines, 'Content-Type', 'text/html; charset=utf-8'],
    body: pages.render({ ...layout, on: 'elsewhere' }),
  }
}
