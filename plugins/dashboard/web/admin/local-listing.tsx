import { searchFor } from '@mezite/core/search'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { csvOf, save } from './csv.ts'
import { ColumnChoice } from './list-tools.tsx'
import { type Column, Nothing, Table } from './parts.tsx'
import { a } from './text.ts'

/** A column of rows that the page has as a whole. */
export interface LocalColumn<T> extends Column<T> {
  /** What is searched, sorted by and written to files. */
  readonly value: (row: T) => string | number
}

/** Rows before the rest is asked for, and from which on a list can be searched. */
const FIRST_ROWS = 50
const SEARCHED = 8
/** From more columns on, a person chooses which are shown. */
const CHOSEN = 5

/** A list that the page has as a whole, with what every list has: search, sort, totals, more on demand, and a file. */
export function LocalListing<T>(props: {
  readonly label: string
  readonly file: string
  readonly columns: readonly LocalColumn<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly empty: ComponentChildren
  /** Rows at first. Default: 50. */
  readonly first?: number
  /** All that there are, if the page does not have all. */
  readonly total?: number | undefined
}) {
  const { label, file, columns, rows, keyOf, empty, first = FIRST_ROWS, total } = props
  const [query, setQuery] = useState('')
  const [sort, setSort] = useState('')
  const [all, setAll] = useState(false)
  const [chosen, setChosen] = useState<readonly string[] | null>(null)
  if (rows.length === 0)
    return <Table label={label} columns={columns} rows={rows} keyOf={keyOf} empty={empty} />
  const visible = columns.filter(({ title, hidden }) => chosen?.includes(title) ?? !hidden)
  const textsOf = (row: T) => columns.map(({ value }) => String(value(row)))
  const search = searchFor(query)
  const ranked = rows.map((row) => [search.rank(textsOf(row)), row] as const).filter(([rank]) => rank > 0)
  const by = columns.find(({ title }) => title === sort.replace(/^-/, ''))
  const sign = sort.startsWith('-') ? -1 : 1
  const compare = (one: string | number, other: string | number) =>
    typeof one === 'number' && typeof other === 'number'
      ? one - other
      : String(one).localeCompare(String(other))
  const found = by
    ? ranked.toSorted(([, one], [, other]) => sign * compare(by.value(one), by.value(other)))
    : query === ''
      ? ranked
      : ranked.toSorted(([one], [other]) => other - one)
  const shown = (all ? found : found.slice(0, first)).map(([, row]) => row)
  // Documents of the API have the names of their members; other rows those of the columns.
  const lineOf = (row: T): object =>
    Array.isArray(row)
      ? Object.fromEntries(columns.map(({ title, value }) => [title, value(row)]))
      : (row as object)
  return (
    <>
      <div class="list-tools">
        {rows.length >= SEARCHED && (
          <input
            type="search"
            aria-label={`${a('filter')}: ${label}`}
            placeholder={a('filter')}
            value={query}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        )}
        <span class="list-end">
          <span class="quiet" role="status">
            {query === ''
              ? a('shownOfAll', { shown: shown.length, all: total ?? rows.length })
              : a('foundOfAll', { found: found.length, all: rows.length })}
          </span>
          {columns.length > CHOSEN && <ColumnChoice all={columns} shown={visible} onChange={setChosen} />}
          <button type="button" class="plain small" onClick={() => save(csvOf(rows.map(lineOf)), file)}>
            CSV
          </button>
        </span>
      </div>
      <Table
        isList
        label={label}
        columns={visible.map((column) => ({ ...column, sort: column.title }))}
        rows={shown}
        keyOf={keyOf}
        empty={<Nothing title={a('nothingFound')} />}
        sort={sort}
        onSort={setSort}
      />
      {shown.length < found.length && (
        <button type="button" class="plain more-button" onClick={() => setAll(true)}>
          {a('andMore', { count: found.length - shown.length })}
        </button>
      )}
    </>
  )
}
