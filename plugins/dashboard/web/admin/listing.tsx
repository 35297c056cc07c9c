import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useList } from '../live.ts'
import { TextField } from './fields.tsx'
import { type Column, Nothing, Shown, Table } from './parts.tsx'
import { a } from './text.ts'

const SEARCH_MS = 250

/** A list of the API as a table: searched by the hub, and loaded page by page. */
export function Listing<T>(props: {
  readonly path: string
  readonly kinds: readonly string[]
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly keyOf: (row: T) => string
  readonly empty: ComponentChildren
  /** What a search finds; without it, the list has no search. */
  readonly search?: string
  readonly query?: string
}) {
  const { path, kinds, label, columns, keyOf, empty, search } = props
  const [query, setQuery] = useState(props.query ?? '')
  const [sent, setSent] = useState(query)
  useEffect(() => {
    const timer = setTimeout(() => setSent(query.trim()), SEARCH_MS)
    return () => clearTimeout(timer)
  }, [query])
  const more = sent === '' ? '' : `${path.includes('?') ? '&' : '?'}q=${encodeURIComponent(sent)}`
  const list = useList<T>(path + more, kinds)
  const nothingToFind = query === '' && sent === '' && list.data?.length === 0
  return (
    <>
      {search !== undefined && !nothingToFind && (
        <div class="filters">
          <TextField label={a('filter')} value={query} placeholder={search} onChange={setQuery} />
        </div>
      )}
      <Shown of={list}>
        {(rows) => (
          <Table
            label={label}
            columns={columns}
            rows={rows}
            keyOf={keyOf}
            empty={sent === '' ? empty : <Nothing title={a('nothingFound')} />}
          />
        )}
      </Shown>
      {list.more && (
        <button type="button" class="plain more-button" disabled={list.loading} onClick={list.more}>
          {a('showMore')}
        </button>
      )}
    </>
  )
}
