import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type Schema, type Suggestion, suggestionsAt } from './completion.ts'
import { a, said } from './text.ts'

/** A fault at a position of the text. */
export interface Mark {
  readonly from: number
  readonly message: string
}

/**
 * A text field for YAML. It lists faults by line and the keys of the document with what they mean, and suggests keys and
 * values: arrow keys choose, Enter takes, Escape closes, Ctrl+Space opens.
 */
export function YamlEditor(props: {
  readonly label: string
  readonly text: string
  readonly kind: string
  /** JSON Schema of `spec`. */
  readonly schema: Schema | undefined
  readonly marks: readonly Mark[]
  /** Path of keys to show first, such as `allow.app_labels.env`. */
  readonly at: string | null
  /** For people who may not save it. */
  readonly isReadOnly: boolean
  onChange(text: string): void
}) {
  const { label, text, kind, schema, marks, at, isReadOnly, onChange } = props
  const field = useRef<HTMLTextAreaElement>(null)
  const id = useId()
  const [suggestions, setSuggestions] = useState<readonly Suggestion[]>([])
  const [active, setActive] = useState(0)
  const [caret, setCaret] = useState<number | null>(null)
  const whole = useMemo(() => envelope(kind, schema), [kind, schema])

  const show = (from: number) => {
    const end = text.indexOf('\n', from)
    field.current?.focus()
    field.current?.setSelectionRange(from, end < 0 ? text.length : end)
  }
  useEffect(() => {
    const place = at === null ? null : placeOf(text, at.split('.'))
    if (place !== null) show(place)
  }, [])
  useLayoutEffect(() => {
    if (caret === null) return
    field.current?.setSelectionRange(caret, caret)
    setCaret(null)
  }, [caret])

  const close = () => setSuggestions([])
  const suggest = (value: string, position: number) => {
    setSuggestions(suggestionsAt(value, position, whole))
    setActive(0)
  }
  const take = ({ from, insert }: Suggestion) => {
    const end = field.current?.selectionEnd ?? text.length
    const next = text.slice(0, from) + insert + text.slice(end)
    onChange(next)
    setCaret(from + insert.length)
    suggest(next, from + insert.length)
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const isOpening = event.key === ' ' && event.ctrlKey
    const chosen = suggestions[active]
    if (isOpening) suggest(text, field.current?.selectionEnd ?? 0)
    else if (!chosen) return
    else if (event.key === 'Escape') close()
    else if (event.key === 'Enter') take(chosen)
    else if (event.key === 'ArrowDown') setActive((active + 1) % suggestions.length)
    else if (event.key === 'ArrowUp') setActive((active + suggestions.length - 1) % suggestions.length)
    else return
    event.preventDefault()
  }

  return (
    <div>
      <textarea
        ref={field}
        class="code-editor"
        aria-label={label}
        aria-invalid={marks.length > 0}
        aria-autocomplete="list"
        aria-controls={`${id}-list`}
        aria-activedescendant={suggestions.length > 0 ? `${id}-${active}` : undefined}
        value={text}
        spellcheck={false}
        readOnly={isReadOnly}
        rows={Math.max(18, text.split('\n').length + 2)}
        onInput={({ currentTarget: { value, selectionEnd } }) => {
          onChange(value)
          // An empty line asks for nothing; Ctrl+Space lists what fits.
          if (/\S$/.test(value.slice(0, selectionEnd)) || /: $/.test(value.slice(0, selectionEnd)))
            suggest(value, selectionEnd)
          else close()
        }}
        onKeyDown={isReadOnly ? undefined : onKeyDown}
        onBlur={close}
      />
      <div
        id={`${id}-list`}
        class="completion"
        role="listbox"
        aria-label={a('suggestions')}
        hidden={suggestions.length === 0}
      >
        {suggestions.map((one, index) => (
          <div
            key={one.name}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            // Not on click: the field would lose the focus first, which closes the list.
            onMouseDown={(event) => {
              event.preventDefault()
              take(one)
            }}
          >
            <code>{one.name}</code> <span class="quiet">{said(one.description)}</span>
          </div>
        ))}
      </div>
      <p class="visually-hidden" role="status">
        {suggestions.length > 0 && a('suggestionCount', { count: suggestions.length })}
      </p>
      {marks.length > 0 && (
        <ul class="marks" aria-live="polite">
          {marks.map(({ from, message }) => (
            <li key={message}>
              <button type="button" class="link-button" onClick={() => show(from)}>
                {a('line', { number: text.slice(0, from).split('\n').length })}
              </button>{' '}
              {message}
            </li>
          ))}
        </ul>
      )}
      {schema && (
        <details class="keys-help">
          <summary>{a('keys')}</summary>
          <Keys of={schema} />
        </details>
      )}
    </div>
  )
}

/** The schema of the whole document. */
function envelope(kind: string, spec: Schema = {}): Schema {
  const metadata = { name: {}, description: {}, labels: { properties: {} } }
  return {
    properties: {
      kind: { const: kind },
      version: { const: 'v1' },
      metadata: { properties: metadata },
      // Without its own, until it is loaded.
      spec: { properties: {}, ...spec },
    },
  }
}

function Keys({ of }: { readonly of: Schema }) {
  return (
    <dl>
      {Object.entries(of.properties ?? {}).map(([key, inner]) => (
        <div key={key}>
          <dt>
            <code>{key}</code>
          </dt>
          <dd>
            {inner.description && said(inner.description)}
            {inner.properties && <Keys of={inner} />}
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** Where the line starts that has the last key of the path, the others being above it. */
function placeOf(text: string, path: readonly string[]): number | null {
  let found: number | null = null
  let position = 0
  let depth = 0
  for (const line of text.split('\n')) {
    const key = /^\s*"?([^\s":]+)"?:/.exec(line)?.[1]
    if (key !== undefined && key === path[depth]) {
      found = position
      depth += 1
    }
    position += line.length + 1
  }
  return found
}
