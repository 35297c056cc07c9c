import { useEffect, useRef } from 'preact/hooks'
import { a } from './text.ts'

/** A fault at a position of the text. */
export interface Mark {
  readonly from: number
  readonly message: string
}

interface Schema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
}

/** A text field for YAML that lists its faults by line, and the keys of the document with what they mean. */
export function YamlEditor(props: {
  readonly label: string
  readonly text: string
  /** JSON Schema of `spec`. */
  readonly schema: object | undefined
  readonly marks: readonly Mark[]
  /** Path of keys to show first, such as `allow.app_labels.env`. */
  readonly at: string | null
  onChange(text: string): void
}) {
  const { label, text, schema, marks, at, onChange } = props
  const field = useRef<HTMLTextAreaElement>(null)

  const show = (from: number) => {
    const end = text.indexOf('\n', from)
    field.current?.focus()
    field.current?.setSelectionRange(from, end < 0 ? text.length : end)
  }
  useEffect(() => {
    const place = at === null ? null : placeOf(text, at.split('.'))
    if (place !== null) show(place)
  }, [])

  return (
    <div>
      <textarea
        ref={field}
        class="code-editor"
        aria-label={label}
        aria-invalid={marks.length > 0}
        value={text}
        spellcheck={false}
        rows={Math.max(18, text.split('\n').length + 2)}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
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

function Keys({ of }: { readonly of: Schema }) {
  return (
    <dl>
      {Object.entries(of.properties ?? {}).map(([key, inner]) => (
        <div key={key}>
          <dt>
            <code>{key}</code>
          </dt>
          <dd>
            {inner.description}
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
