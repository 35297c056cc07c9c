import { useState } from 'preact/hooks'
import { go, place } from './router.ts'

/** How a person looks at a list. */
export interface ListView {
  readonly q: string
  readonly sort: string
  /** Titles of the columns; null: those of the list. */
  readonly columns: readonly string[] | null
}

const KEY = 'mezite.columns'

/** The view of a list: in the address of the page, which can be kept and sent, or of this page alone. Columns are remembered. */
export function useView(
  inAddress: boolean,
  list: string,
): readonly [ListView, (change: Partial<ListView>) => void] {
  const [own, setOwn] = useState<ListView>({ q: '', sort: '', columns: null })
  if (!inAddress) return [own, (change) => setOwn((view) => ({ ...view, ...change }))]
  const { path, query } = place.value
  const columns = query.get('columns') ?? localStorage.getItem(`${KEY}.${list}`)
  const view = {
    q: query.get('q') ?? '',
    sort: query.get('sort') ?? '',
    columns: columns ? columns.split(',') : null,
  }
  return [
    view,
    (change) => {
      const next = new URLSearchParams(place.peek().query)
      for (const [name, value] of Object.entries(change)) {
        const text = Array.isArray(value) ? value.join(',') : ((value as string | null) ?? '')
        if (text === '') next.delete(name)
        else next.set(name, text)
      }
      if (change.columns) localStorage.setItem(`${KEY}.${list}`, change.columns.join(','))
      go(`${path}${next.size === 0 ? '' : `?${next}`}`, true)
    },
  ]
}
