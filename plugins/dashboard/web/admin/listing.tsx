import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { call } from '../api.ts'
import { useList } from '../live.ts'
import { csvOf, save } from './csv.ts'
import { ActionError, useAction } from './dialogs.tsx'
import { ColumnChoice, type ListAction, SelectionBar, StateChips } from './list-tools.tsx'
import { useView } from './list-view.ts'
import { type Column, Nothing, Shown, Table } from './parts.tsx'
import { may } from './rights.tsx'
import { a } from './text.ts'

const SEARCH_MS = 200

/**
 * A list of the API as a table: searched, sorted and counted by the hub, and loaded page by page. A list with a search keeps
 * its view in the address of the page.
 */
export function Listing<T extends object>(props: {
  readonly path: string
  readonly kinds: readonly string[]
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly keyOf: (row: T) => string
  readonly empty: ComponentChildren
  /** What a search finds; without it, the list has no search. */
  readonly search?: string
  /** What people call a state. */
  readonly states?: Readonly<Record<string, string>>
  /** What can be done with several at once. */
  readonly actions?: readonly ListAction<T>[]
  /** A row in a file. Default: the row itself. */
  readonly lineOf?: (row: T) => object
}) {
  const {
    path,
    kinds,
    label,
    columns,
    keyOf,
    empty,
    search,
    states = {},
    actions: possible = [],
    lineOf = (row: T) => row,
  } = props
  const actions = possible.filter(({ right }) => may(right))
  const [view, setView] = useView(search !== undefined, path.split('?', 1)[0]!)
  const [typed, setTyped] = useState(view.q)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const exporting = useAction()
  useEffect(() => setTyped((now) => (now.trim() === view.q ? now : view.q)), [view.q])
  useEffect(() => {
    const timer = setTimeout(() => typed.trim() !== view.q && setView({ q: typed.trim() }), SEARCH_MS)
    return () => clearTimeout(timer)
  }, [typed])
  const query = new URLSearchParams({ ...(view.q && { q: view.q }), ...(view.sort && { sort: view.sort }) })
  const asked = `${path}${query.size === 0 ? '' : `${path.includes('?') ? '&' : '?'}${query}`}`
  const list = useList<T>(asked, kinds)
  const { counts } = list
  const shown = columns.filter(({ title, hidden }) => view.columns?.includes(title) ?? !hidden)
  const nothingToFind = typed === '' && view.q === '' && counts?.all === 0
  const choose = (keys: readonly string[], on: boolean) =>
    setChosen(
      (before) => new Set(on ? [...before, ...keys] : [...before].filter((key) => !keys.includes(key))),
    )
  const exportAll = async () =>
    save(csvOf((await call<readonly T[]>('GET', asked)).map(lineOf)), `${path.split(/[/?]/)[1]}.csv`)
  const rowsChosen = list.data?.filter((row) => chosen.has(keyOf(row))) ?? []
  return (
    <>
      {!nothingToFind && (
        <div class="list-tools">
          {search !== undefined && (
            <input
              type="search"
              aria-label={a('filter')}
              placeholder={search}
              value={typed}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          )}
          {counts && (
            <StateChips counts={counts.states} texts={states} q={view.q} onChange={(q) => setView({ q })} />
          )}
          <span class="list-end">
            {counts && (
              <span class="quiet" role="status">
                {view.q === ''
                  ? a('shownOfAll', { shown: list.data?.length ?? 0, all: counts.all })
                  : a('foundOfAll', { found: counts.found, all: counts.all })}
              </span>
            )}
            {columns.length > 2 && (
              <ColumnChoice all={columns} shown={shown} onChange={(columns) => setView({ columns })} />
            )}
            <button
              type="button"
              class="plain small"
              disabled={exporting.busy}
              onClick={() => void exporting.run(exportAll)}
            >
              CSV
            </button>
          </span>
        </div>
      )}
      <ActionError error={exporting.error} />
      {counts?.near && view.q !== '' && <p class="quiet">{a('nearMatches', { query: view.q })}</p>}
      {rowsChosen.length > 0 && (
        <SelectionBar rows={rowsChosen} keyOf={keyOf} actions={actions} onDone={() => setChosen(new Set())} />
      )}
      <Shown of={list}>
        {(rows) => (
          <Table
            label={label}
            columns={shown}
            rows={rows}
            keyOf={keyOf}
            empty={view.q === '' ? empty : <Nothing title={a('nothingFound')} />}
            sort={view.sort}
            onSort={(sort) => setView({ sort })}
            isList
            selection={actions.length === 0 ? undefined : { chosen, choose }}
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
