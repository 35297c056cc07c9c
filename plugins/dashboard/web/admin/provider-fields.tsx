import { useResource } from '../live.ts'
import type { Schema } from './completion.ts'
import { changed, textOf } from './document-text.ts'
import { TextField } from './fields.tsx'
import { a, said } from './text.ts'

/** What every provider needs, as fields beside its text. A change is made in the text and keeps everything else of it. */
export function ProviderFields(props: {
  readonly value: { readonly metadata?: object | null; readonly spec?: object | null }
  readonly text: string
  readonly isNew: boolean
  onChange(text: string): void
}) {
  const { value, text, isNew, onChange } = props
  const schema = useResource<Schema>('/schemas/oidc', [])
  const field = (part: 'metadata' | 'spec', key: string, label: string, required = false) => (
    <TextField
      label={label}
      help={part === 'spec' ? said(schema.data?.properties?.[key]?.description ?? '') : undefined}
      required={required}
      value={textOf((value[part] as Readonly<Record<string, unknown>> | null | undefined)?.[key])}
      // An empty one that is needed stays in the text, so that its place is not lost.
      onChange={(next) => onChange(changed(text, [part, key], next === '' && !required ? undefined : next))}
    />
  )
  return (
    <div class="provider-fields">
      {isNew && field('metadata', 'name', a('name'), true)}
      {field('metadata', 'description', a('description'))}
      {field('spec', 'issuer_url', a('issuer'), true)}
      {field('spec', 'client_id', a('client'), true)}
      {field('spec', 'username_claim', a('usernameClaim'))}
    </div>
  )
}
