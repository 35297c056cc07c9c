import { signal } from '@preact/signals'

export const BASE = '/web/admin'

/** Path below the administration, and its query. */
interface Place {
  readonly path: string
  readonly query: URLSearchParams
}

const here = (): Place => ({
  path: location.pathname.slice(BASE.length).replace(/\/$/, '') || '/',
  query: new URLSearchParams(location.search),
})

/** Where the person is. */
export const place = signal<Place>(here())

/** Goes to a path below the administration, and to the top of the page. */
export function go(path: string, replace = false): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', BASE + path)
  place.value = here()
  if (!replace) scrollTo(0, 0)
}

/** Follows links of the administration without loading the page again. */
export function followLinks(): void {
  addEventListener('popstate', () => {
    place.value = here()
  })
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || link.target || link.hasAttribute('download'))
      return
    const { origin, pathname, search } = new URL(link.href)
    if (origin !== location.origin || !`${pathname}/`.startsWith(`${BASE}/`)) return
    event.preventDefault()
    go(pathname.slice(BASE.length) + search)
    document.querySelector<HTMLElement>('#admin-main')?.focus()
  })
}

/** Path of a page below the administration whose last part may be any text. */
export const to = (...parts: readonly string[]): string =>
  `${BASE}/${parts.map((part) => encodeURIComponent(part)).join('/')}`
