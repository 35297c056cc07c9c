import type { ComponentChildren } from 'preact'
import { formatNumber } from '../text.ts'
import { a } from './text.ts'

export interface Column<T> {
  readonly title: string
  readonly cell: (row: T) => ComponentChildren
  /** Aligned to the right, with digits of one width. */
  readonly number?: boolean
  /** By what the API sorts the list for it. */
  readonly sort?: string
  /** Shown only if a person chooses it. */
  readonly hidden?: boolean
  /** Takes the width that the others leave. Default: the first column of a phone's row. */
  readonly rest?: boolean
  /**
   * Its place on a phone, where a row has two lines: the beginning of the first or second, or the end of one. Without any, the
   * first three columns are there, and others are left out.
   */
  readonly narrow?: 'first' | 'second' | 'corner' | 'act'
}

/** Rows that a person has chosen, by their keys. */
export interface Selection {
  readonly chosen: ReadonlySet<string>
  choose(keys: readonly string[], on: boolean): void
}

const PLACES = ['first', 'second', 'corner'] as const

/** A number alone says on a phone what it counts. */
const Cell = (props: {
  readonly title: string
  readonly style: string
  readonly content: ComponentChildren
}) =>
  typeof props.content === 'number' ? (
    <td data-label={props.title} class={`${props.style} bare`}>
      {formatNumber(props.content)}
    </td>
  ) : (
    <td data-label={props.title} class={props.style}>
      {props.content}
    </td>
  )

/** A table, which becomes a list of cards on narrow screens. */
export function Table<T>(props: {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly empty: ComponentChildren
  /** Of the API: `name`, or `-name` for the last first. */
  readonly sort?: string
  readonly onSort?: (sort: string) => void
  readonly selection?: Selection | undefined
  /** One line a row, which leaves out the end of long texts; two lines on a phone, of a few columns. Default: false. */
  readonly isList?: boolean
}) {
  const { label, columns, rows, keyOf, empty, sort, onSort, selection, isList } = props
  if (rows.length === 0) return <div class="empty-card">{empty}</div>
  const placed = columns.some(({ narrow }) => narrow !== undefined)
  const wide = columns.some(({ rest }) => rest)
  const styleOf = ({ number, narrow, rest = false }: Column<T>, index: number) => {
    const place = placed ? narrow : PLACES[index]
    const takesRest = wide ? rest : place === 'first'
    return [number && 'number', takesRest && 'takes-rest', place ? `in-${place}` : 'wide-only']
      .filter(Boolean)
      .join(' ')
  }
  const keys = rows.map(keyOf)
  return (
    <div class={isList ? 'table-card list' : 'table-card'}>
      <table aria-label={label} class={selection && 'choosable'}>
        <thead>
          <tr>
            {selection && (
              <th scope="col" class="choice">
                <input
                  type="checkbox"
                  aria-label={a('chooseAll')}
                  checked={keys.every((key) => selection.chosen.has(key))}
                  onChange={(event) => selection.choose(keys, event.currentTarget.checked)}
                />
              </th>
            )}
            {columns.map(({ title, number, sort: name }) => {
              const down = sort === `-${name}`
              const sorted = name !== undefined && (down || sort === name)
              return (
                <th
                  key={title}
                  scope="col"
                  class={number ? 'number' : ''}
                  aria-sort={sorted ? (down ? 'descending' : 'ascending') : undefined}
                >
                  {name !== undefined && onSort ? (
                    <button type="button" onClick={() => onSort(sort === name ? `-${name}` : name)}>
                      {title}
                      <span aria-hidden="true">{sorted ? (down ? ' ↓' : ' ↑') : ''}</span>
                    </button>
                  ) : (
                    title
                  )}
                </th>
              )
            })}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={keys[at]} class={selection?.chosen.has(keys[at]!) ? 'chosen' : undefined}>
              {selection && (
                <td class="choice">
                  <input
                    type="checkbox"
                    aria-label={a('choose', { name: keys[at]! })}
                    checked={selection.chosen.has(keys[at]!)}
                    onChange={(event) => selection.choose([keys[at]!], event.currentTarget.checked)}
                  />
                </td>
              )}
              {columns.map((column, index) => (
                <Cell
                  key={column.title}
                  title={column.title}
                  style={styleOf(column, index)}
                  content={column.cell(row)}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
