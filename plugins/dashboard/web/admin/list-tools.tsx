import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Right } from '../api-types.ts'
import { formatNumber } from '../text.ts'
import { announce, Confirm } from './dialogs.tsx'
import type { Column } from './parts.tsx'
import { a } from './text.ts'

/** What can be done with each of several rows. */
export interface ListAction<T> {
  readonly verb: string
  readonly right: Right
  readonly destructive?: boolean
  /** What it does, in a sentence of the question. */
  readonly help: string
  /** The call for one row: method, path and body. */
  readonly call: (row: T) => readonly [method: string, path: string, body?: object]
}

const STATE = /(?:^|\s)state:\S+/g

/** The states of a list with their numbers, each a button that shows those alone. */
export function StateChips(props: {
  readonly counts: ReadonlyMap<string, number>
  readonly texts: Readonly<Record<string, string>>
  readonly q: string
  onChange(q: string): void
}) {
  const { counts, texts, q, onChange } = props
  if (counts.size < 2 && !q.includes('state:')) return null
  const order = Object.keys(texts)
  const sorted = [...counts].sort(([one], [other]) => order.indexOf(one) - order.indexOf(other))
  return (
    <fieldset class="chips" aria-label={a('state')}>
      {sorted.map(([state, count]) => {
        const word = `state:${state}`
        const on = q.split(/\s+/).includes(word)
        const without = q.replaceAll(STATE, '').trim()
        return (
          <button
            key={state}
            type="button"
            class="chip"
            aria-pressed={on}
            onClick={() => onChange(on ? without : `${without} ${word}`.trim())}
          >
            {texts[state] ?? state} <b>{formatNumber(count)}</b>
          </button>
        )
      })}
    </fieldset>
  )
}

/** Which columns are shown. */
export function ColumnChoice<T>(props: {
  readonly all: readonly Column<T>[]
  readonly shown: readonly Column<T>[]
  onChange(columns: readonly string[]): void
}) {
  const { all, shown, onChange } = props
  const titles = shown.map(({ title }) => title)
  return (
    <details class="menu">
      <summary class="button plain small">{a('columns')}</summary>
      <div class="menu-body">
        {all.slice(1).map(({ title }) => (
          <label key={title} class="check">
            <input
              type="checkbox"
              checked={titles.includes(title)}
              onChange={(event) => {
                const { checked } = event.currentTarget
                const wanted = all.filter((one) =>
                  one.title === title ? checked : titles.includes(one.title),
                )
                onChange(wanted.map((one) => one.title))
              }}
            />
            <span>{title}</span>
          </label>
        ))}
      </div>
    </details>
  )
}

/** How many rows are chosen, and what can be done with them. */
export function SelectionBar<T>(props: {
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly actions: readonly ListAction<T>[]
  onDone(): void
}) {
  const { rows, keyOf, actions, onDone } = props
  const [asked, setAsked] = useState<ListAction<T> | null>(null)
  const confirm = async () => {
    for (const row of rows) await call(...(asked!.call(row) as [string, string, object?]))
    announce(a('doneForAll', { verb: asked!.verb, count: rows.length }))
    onDone()
  }
  return (
    <fieldset class="selection" aria-label={a('chosen', { count: rows.length })}>
      <strong>{a('chosen', { count: rows.length })}</strong>
      {actions.map((action) => (
        <button
          key={action.verb}
          type="button"
          class={`plain small ${action.destructive ? 'danger' : ''}`}
          onClick={() => setAsked(action)}
        >
          {action.verb}
        </button>
      ))}
      <button type="button" class="plain small" onClick={onDone}>
        {a('cancel')}
      </button>
      {asked && (
        <Confirm
          title={a('actOnChosen', { verb: asked.verb, count: rows.length })}
          verb={asked.verb}
          confirm={confirm}
          onClose={() => setAsked(null)}
        >
          <p>{asked.help}</p>
          <p class="quiet">{rows.map(keyOf).slice(0, 20).join(', ')}</p>
        </Confirm>
      )}
    </fieldset>
  )
}
