import { changed, textOf } from './document-text.ts'
import { CheckField, TextField } from './fields.tsx'
import { NamesField, useLabels } from './names-field.tsx'
import { a } from './text.ts'

interface RoleValue {
  readonly metadata?: { readonly name?: unknown; readonly description?: unknown } | null
  readonly spec?: {
    readonly options?: { readonly require_session_mfa?: unknown } | null
    readonly allow?: Side
    readonly deny?: Side
  } | null
}
type Side = { readonly app_labels?: unknown } | null | undefined

/**
 * The members of a role that most roles have, as fields beside its text. A change is made in the text and keeps everything else
 * of it, comments too.
 */
export function RoleFields(props: {
  readonly value: RoleValue
  readonly text: string
  readonly isNew: boolean
  onChange(text: string): void
}) {
  const { value, text, isNew, onChange } = props
  const options = useLabels()
  const change = (path: readonly string[], next: unknown) => onChange(changed(text, path, next))
  const labelField = (side: 'allow' | 'deny', label: string, help?: string) => (
    <NamesField
      label={label}
      help={help}
      options={options}
      chosen={pairsOf(value.spec?.[side])}
      onChange={(pairs) => change(['spec', side, 'app_labels'], labelsOf(pairs))}
    />
  )
  const demand = value.spec?.options?.require_session_mfa
  return (
    <div class="role-fields">
      {isNew && (
        <TextField
          label={a('name')}
          required
          value={textOf(value.metadata?.name)}
          onChange={(name) => change(['metadata', 'name'], name)}
        />
      )}
      <TextField
        label={a('description')}
        value={textOf(value.metadata?.description)}
        onChange={(description) =>
          change(['metadata', 'description'], description === '' ? undefined : description)
        }
      />
      {labelField('allow', a('roleOpens'), a('roleOpensHelp'))}
      {labelField('deny', a('roleNeverOpens'))}
      {/* Other demands, such as a hardware key, are in the text alone. */}
      {(demand === undefined || typeof demand === 'boolean') && (
        <CheckField
          label={a('rolePasskey')}
          value={demand === true}
          onChange={(on) => change(['spec', 'options', 'require_session_mfa'], on || undefined)}
        />
      )}
    </div>
  )
}

/** `team=data` for each label and value. */
function pairsOf(side: Side): readonly string[] {
  const labels = side?.app_labels
  if (typeof labels !== 'object' || labels === null) return []
  return Object.entries(labels).flatMap(([key, values]) =>
    [values].flat().map((value) => `${key}=${String(value)}`),
  )
}

function labelsOf(pairs: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  const labels = new Map<string, string[]>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const key = pair.slice(0, at)
    labels.set(key, [...(labels.get(key) ?? []), pair.slice(at + 1)])
  }
  if (labels.size === 0) return undefined
  return Object.fromEntries([...labels].map(([key, values]) => [key, values.length > 1 ? values : values[0]]))
}
