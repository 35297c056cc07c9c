import { drawings } from '@mezite/core/drawings'
import { searchFor } from '@mezite/core/search'
import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Glyph } from '../app-icon.tsx'
import { useResource } from '../live.ts'
import { a } from './text.ts'

/** A name that can be chosen, and what is said about it. */
export interface NameOption {
  readonly name: string
  readonly more?: string | undefined
}

/** Whether a finger or a button of the mouse is down. */
let isPressed = false
const press = ({ type }: Event) => {
  isPressed = type === 'pointerdown'
}
for (const type of ['pointerdown', 'pointerup', 'pointercancel']) addEventListener(type, press, true)

/** Suggestions that are listed at once. */
const MOST = 8
/** Above every rank of the search. */
const BEST = 100

/**
 * Several names, found by typing a part of them, and shown as chips: the combobox of the ARIA practices with a list of
 * suggestions. Only names that exist can be added, unless `create` makes new ones; one that was chosen before and is gone stays
 * until it is removed.
 */
export function NamesField(props: {
  readonly label: string
  readonly help?: string | undefined
  readonly error?: string | undefined
  readonly options: readonly NameOption[]
  readonly chosen: readonly string[]
  readonly children?: ComponentChildren
  /** The new name that a text is, offered after those that exist; null: none. */
  readonly create?: (text: string) => string | null
  onChange(chosen: readonly string[]): void
}) {
  const { label, help, error, options, chosen, children, create, onChange } = props
  const id = useId()
  const field = useRef<HTMLInputElement>(null)
  const [query, setQuery] = useState('')
  const [open, setOpen] = useState(false)
  /** The suggestion that Enter takes; -1: none, until something is typed or an arrow key is pressed. */
  const [at, setAt] = useState(-1)
  const [said, setSaid] = useState('')
  const wanted = query.trim()
  const search = searchFor(wanted)
  /** The search takes the value of `team=plat` for a whole one; somebody who types has not come to its end yet. */
  const begins = (name: string) => name.toLowerCase().startsWith(wanted.toLowerCase())
  const existing = options
    .filter(({ name }) => !chosen.includes(name))
    .map((option) => ({
      option,
      rank: wanted === '' ? 1 : begins(option.name) ? BEST : search.rank([option.name, option.more ?? '']),
    }))
    .filter(({ rank }) => rank > 0)
    .sort((one, other) => other.rank - one.rank)
    .map(({ option }) => option)
  const made = wanted === '' ? null : (create?.(wanted) ?? null)
  const isNew = made !== null && !chosen.includes(made) && !options.some(({ name }) => name === made)
  const found: readonly NameOption[] = isNew
    ? [...existing.slice(0, MOST - 1), { name: made, more: a('newName') }, ...existing.slice(MOST - 1)]
    : existing
  const shown = open ? found.slice(0, MOST) : []
  const active = shown[at]

  // A form is not sent with a name that was typed and not chosen.
  useLayoutEffect(
    () => field.current?.setCustomValidity(query.trim() === '' ? '' : a('chooseSuggestion')),
    [query],
  )
  const close = () => {
    setOpen(false)
    setAt(-1)
    setQuery('')
  }
  const typed = (text: string) => {
    setQuery(text)
    setAt(text.trim() === '' ? -1 : 0)
    setOpen(text.trim() !== '')
  }
  const take = ({ name }: NameOption) => {
    if (!chosen.includes(name)) onChange([...chosen, name])
    close()
    setSaid(a('nameChosen', { name }))
  }
  const remove = (name: string) => {
    onChange(chosen.filter((one) => one !== name))
    setSaid(a('nameRemoved', { name }))
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    const last = chosen.at(-1)
    if (step !== undefined) {
      setOpen(true)
      const count = Math.min(found.length, MOST)
      if (count > 0) setAt(at < 0 ? (step > 0 ? 0 : count - 1) : (at + step + count) % count)
    } else if (event.key === 'Enter' && (active || query !== '')) {
      if (active) take(active)
    } else if (event.key === 'Escape' && (open || query !== '')) {
      close()
    } else if (event.key === 'Backspace' && query === '' && last !== undefined) {
      remove(last)
    } else return
    event.preventDefault()
  }
  const leave = () => {
    setOpen(false)
    setAt(-1)
    const exact = options.find(({ name }) => name === wanted)
    // The beginning of a name that exists is more likely half of it than a new one.
    if (exact) take(exact)
    else if (isNew && !options.some(({ name }) => begins(name))) take({ name: made })
  }
  // A list that closes moves the button below it away from under the pointer, which then clicks on nothing.
  const onBlur = () => (isPressed ? addEventListener('pointerup', leave, { once: true }) : leave())

  return (
    <div class="field names">
      <label for={id}>{label}</label>
      {help && (
        <p id={`${id}-help`} class="help">
          {help}
        </p>
      )}
      {chosen.length > 0 && (
        <ul class="tags" aria-label={a('chosenNames')}>
          {chosen.map((name) => (
            <li key={name} class="tag">
              {name}
              <button type="button" aria-label={a('removeName', { name })} onClick={() => remove(name)}>
                <Glyph path={drawings.close} />
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        ref={field}
        id={id}
        role="combobox"
        aria-expanded={shown.length > 0}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={active ? `${id}-${at}` : undefined}
        aria-describedby={
          [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || undefined
        }
        aria-invalid={error ? true : undefined}
        placeholder={a('typeToFind')}
        value={query}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => typed(event.currentTarget.value)}
        onClick={() => setOpen(true)}
        onKeyDown={onKeyDown}
        onBlur={onBlur}
      />
      <div
        id={`${id}-list`}
        class="completion"
        role="listbox"
        aria-label={a('suggestions')}
        hidden={shown.length === 0}
      >
        {shown.map((option, index) => (
          <div
            key={option.name}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            // Not on click: the field would lose the focus first, which closes the list.
            onMouseDown={(event) => {
              event.preventDefault()
              take(option)
            }}
          >
            {option.name} <span class="quiet">{option.more}</span>
          </div>
        ))}
      </div>
      {open && found.length > MOST && <p class="help">{a('moreNames', { count: found.length - MOST })}</p>}
      {open && found.length === 0 && query !== '' && <p class="help">{a('nothingFound')}</p>}
      <p class="visually-hidden" role="status">
        {open && query !== '' ? a('suggestionCount', { count: found.length }) : said}
      </p>
      {error && (
        <p id={`${id}-error`} class="help bad">
          {error}
        </p>
      )}
      {children}
    </div>
  )
}

/** The labels that apps have, as `team=data`, and how many have each. */
export function useLabels(): readonly NameOption[] {
  const labels = useResource<Readonly<Record<string, number>>>('/dashboard/labels', ['app'])
  return Object.entries(labels.data ?? {}).map(([name, count]) => ({ name, more: a('countApps', { count }) }))
}
