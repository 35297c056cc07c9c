import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { reload, useResource } from '../live.ts'
import { ActionError, announce, useAction } from './dialogs.tsx'
import { CheckField, ChoiceField, TextField } from './fields.tsx'
import { Facts, PageHead, Section, Shown, Table, Time } from './parts.tsx'
import { a } from './text.ts'

type Block = Responses['GET /dashboard/pages/{path}']['blocks'][number]
type Form = Extract<Block, { readonly kind: 'form' }>
type Field = Form['fields'][number]
type Row = Extract<Block, { readonly kind: 'table' }>['rows'][number]
type Value = Row[number]

const PREFIX = '/v1/webapi'
/** A plugin does not say on which data its content depends. */
const KINDS = ['app', 'agent', 'user', 'role', 'connector', 'lock', 'key', 'plugin-part']

/** A page that a plugin adds. */
export function PluginPage({ name }: { readonly name: string }) {
  const page = useResource<Responses['GET /dashboard/pages/{path}']>(
    `/dashboard/pages/${encodeURIComponent(name)}`,
    KINDS,
  )
  return (
    <Shown of={page}>
      {({ title, blocks }) => (
        <>
          <PageHead title={title} />
          <Blocks of={blocks} level={2} />
        </>
      )}
    </Shown>
  )
}

/** The panels that plugins add to the page of an app or a person. */
export function PluginPanels({ of, name }: { readonly of: 'app' | 'person'; readonly name: string }) {
  const panels = useResource<Responses['GET /dashboard/panels/{name}']>(
    `/dashboard/${of === 'app' ? 'panels' : 'person-panels'}/${encodeURIComponent(name)}`,
    KINDS,
  )
  return panels.data?.map(({ title, blocks }) => (
    <Section key={title} title={title}>
      {blocks === null ? <p class="notice warn">{a('panelFailed')}</p> : <Blocks of={blocks} level={3} />}
    </Section>
  ))
}

interface Level {
  /** Of the headings in a block. */
  readonly level: 2 | 3
}

const Blocks = ({ of, level }: Level & { readonly of: readonly Block[] }) =>
  of.map((block, index) => <OneBlock key={index} block={block} level={level} />)

function OneBlock({ block, level }: Level & { readonly block: Block }) {
  if (block.kind === 'text') return <p>{block.text}</p>
  if (block.kind === 'form') return <CallForm form={block} level={level} />
  if (block.kind === 'facts')
    return (
      <div class="panel">
        <Facts
          rows={block.facts.map(([term, value]) => [String(term), <Cell key={term} value={value ?? null} />])}
        />
      </div>
    )
  return (
    <Table
      label={block.title}
      rows={block.rows}
      keyOf={(row) => JSON.stringify(row)}
      columns={block.columns.map((title, at) => ({
        title,
        number: block.rows.every((row) => typeof row[at] === 'number'),
        cell: (row: Row) => <Cell value={row[at] ?? null} />,
      }))}
      empty={<p>{block.empty}</p>}
    />
  )
}

function Cell({ value }: { readonly value: Value }) {
  if (value === null) return <span class="quiet">–</span>
  if (typeof value !== 'object') return <>{String(value)}</>
  if ('time' in value) return <Time at={new Date(value.time).toISOString()} />
  return <a href={value.href}>{value.text}</a>
}

function CallForm({ form, level }: Level & { readonly form: Form }) {
  const { title, method, path, fields, submit, destructive } = form
  const [values, setValues] = useState(() =>
    Object.fromEntries(fields.map(({ name, value }) => [name, value])),
  )
  const action = useAction()
  const run = async () => {
    await call(method, path.slice(PREFIX.length), fields.length === 0 ? undefined : values)
    announce(a('done'))
    reload(['plugin-part'])
  }
  return (
    <form
      class="panel"
      aria-label={title}
      onSubmit={(event) => {
        event.preventDefault()
        void action.run(run)
      }}
    >
      <h3 aria-level={level}>{title}</h3>
      {fields.map((field) => (
        <Input
          key={field.name}
          field={field}
          value={values[field.name] ?? ''}
          onChange={(value) => setValues((old) => ({ ...old, [field.name]: value }))}
        />
      ))}
      <ActionError error={action.error} />
      <button type="submit" class={destructive ? 'danger' : ''} disabled={action.busy}>
        {submit}
      </button>
    </form>
  )
}

function Input(props: {
  readonly field: Field
  readonly value: Field['value']
  onChange(value: Field['value']): void
}) {
  const { field, value, onChange } = props
  const { label, type, options } = field
  if (type === 'check') return <CheckField label={label} value={value === true} onChange={onChange} />
  if (options)
    return (
      <ChoiceField
        label={label}
        value={String(value)}
        options={options.map((option) => [option, option])}
        onChange={onChange}
      />
    )
  return (
    <TextField
      label={label}
      value={String(value)}
      onChange={(text) => onChange(type === 'number' && text !== '' ? Number(text) : text)}
    />
  )
}
