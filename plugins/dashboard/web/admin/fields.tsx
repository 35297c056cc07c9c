import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  readonly label: string
  readonly help?: string | undefined
  readonly error?: string | undefined
  readonly required?: boolean
}

/** A labelled field with its help and what is wrong with it. */
function Field(
  props: FieldProps & { children(id: string, described: string | undefined): ComponentChildren },
) {
  const { label, help, error, required, children } = props
  const id = useId()
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || undefined
  return (
    <div class="field">
      <label for={id}>
        {label}
        {required && <span aria-hidden="true"> *</span>}
      </label>
      {children(id, described)}
      {help && (
        <p id={`${id}-help`} class="help">
          {help}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} class="help bad">
          {error}
        </p>
      )}
    </div>
  )
}

export function TextField(
  props: FieldProps & {
    readonly value: string
    readonly placeholder?: string
    readonly disabled?: boolean
    readonly lines?: number
    /** Shows dots in place of the characters. */
    readonly isSecret?: boolean
    readonly options?: readonly string[]
    onChange(value: string): void
  },
) {
  const { value, placeholder, disabled, lines, isSecret, options, onChange, error, required } = props
  return (
    <Field {...props}>
      {(id, described) => {
        const common = {
          id,
          value,
          placeholder,
          disabled,
          required,
          'aria-describedby': described,
          'aria-invalid': error ? true : undefined,
          autocomplete: 'off',
          spellcheck: false,
        }
        if (lines)
          return (
            <textarea {...common} rows={lines} onInput={(event) => onChange(event.currentTarget.value)} />
          )
        return (
          <>
            <input
              {...common}
              type={isSecret ? 'password' : undefined}
              autocomplete={isSecret ? 'new-password' : 'off'}
              list={options && `${id}-options`}
              onInput={(event) => onChange(event.currentTarget.value)}
            />
            {options && (
              <datalist id={`${id}-options`}>
                {options.map((option) => (
                  <option key={option} value={option} />
                ))}
              </datalist>
            )}
          </>
        )
      }}
    </Field>
  )
}

export function ChoiceField(
  props: FieldProps & {
    readonly value: string
    readonly options: readonly (readonly [string, string])[]
    onChange(value: string): void
  },
) {
  const { value, options, onChange } = props
  return (
    <Field {...props}>
      {(id, described) => (
        <select
          id={id}
          value={value}
          aria-describedby={described}
          onChange={(event) => onChange(event.currentTarget.value)}
        >
          {options.map(([option, title]) => (
            <option key={option} value={option}>
              {title}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

export function CheckField(props: {
  readonly label: string
  readonly help?: string | undefined
  readonly value: boolean
  onChange(value: boolean): void
}) {
  const { label, help, value, onChange } = props
  return (
    <label class="check">
      <input type="checkbox" checked={value} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>
        {label}
        {help && <span class="help">{help}</span>}
      </span>
    </label>
  )
}

/** Pairs such as labels, one a line: `env=prod`. */
export const readPairs = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .map((line) => {
        const at = line.search(/[=:]/)
        return at < 0 ? [line, ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()]
      }),
  )

export const writePairs = (pairs: Readonly<Record<string, string>> = {}): string =>
  Object.entries(pairs)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')

/** Names separated by commas, spaces or lines. */
export const readNames = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)
