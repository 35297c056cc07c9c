import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { reload, useResource } from '../live.ts'
import { formatNumber } from '../text.ts'
import { ActionError, announce, Confirm, DialogButton, useAction } from './dialogs.tsx'
import { CheckField, ChoiceField, TextField } from './fields.tsx'
import { Listing } from './listing.tsx'
import { LocalListing } from './local-listing.tsx'
import { type Column, Facts, PageHead, Section, Shown, Time } from './parts.tsx'
import { pagesAt } from './rights.tsx'
import { a } from './text.ts'

type Block = Responses['GET /dashboard/pages/{path}']['blocks'][number]
type Form = Extract<Block, { readonly kind: 'form' }>
type Field = Form['fields'][number]
type Table = Extract<Block, { readonly kind: 'table' }>
type Row = Table['rows'][number]
type Value = Row[number]

const PREFIX = '/v1/webapi'
const KINDS = ['plugin-part']

/** A page that a plugin adds. */
export function PluginPage({ name }: { readonly name: string }) {
  const page = useResource<Responses['GET /dashboard/pages/{path}']>(
    `/dashboard/${pagesAt('dashboard.read')}/${encodeURIComponent(name)}`,
    KINDS,
  )
  return (
    <Shown of={page}>
      {({ title, blocks }) => (
        <>
          <PageHead title={title} />
          <Blocks of={blocks} level={2} title={title} page={name} />
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
      {blocks === null ? (
        <p class="notice warn">{a('panelFailed')}</p>
      ) : (
        <Blocks of={blocks} level={3} title={title} />
      )}
    </Section>
  ))
}

interface Level {
  /** Of the headings in a block. */
  readonly level: 2 | 3
  /** Of the page or panel. A table with another has a heading. */
  readonly title: string
  /** The page that they are on, whose long tables the hub searches; absent on a panel. */
  readonly page?: string
}

const Blocks = ({ of, ...level }: Level & { readonly of: readonly Block[] }) =>
  of.map((block, index) => (
    <OneBlock key={block.kind === 'form' ? callOf(block) : index} block={block} place={index} {...level} />
  ))

const callOf = ({ method, path }: Form): string => `${method} ${path}`

function OneBlock(props: Level & { readonly block: Block; readonly place: number }) {
  const { block, level, title } = props
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
    <>
      {block.title !== title && (
        <h3 class="block-title" aria-level={level}>
          {block.title}
        </h3>
      )}
      <TableBlock {...props} block={block} />
    </>
  )
}

function TableBlock({ block, place, page }: Level & { readonly block: Table; readonly place: number }) {
  const columns = block.columns.map((title, at) => ({
    title,
    value: (row: Row) => plain(row[at] ?? null),
    number: block.rows.every((row) => typeof row[at] === 'number'),
    ...placeOf(block, at),
    cell: (row: Row) => cellOf(row[at] ?? null),
  }))
  if (page !== undefined && block.total !== undefined)
    return (
      <Listing<Row>
        path={`/dashboard/${pagesAt('dashboard.read')}/${encodeURIComponent(page)}/tables/${place}`}
        kinds={KINDS}
        label={block.title}
        columns={columns.map((column, at) => ({ ...column, sort: String(at) }))}
        keyOf={keyOfRow}
        search={a('filter')}
        empty={<p>{block.empty}</p>}
        lineOf={(row) => Object.fromEntries(columns.map(({ title, value }) => [title, value(row)]))}
      />
    )
  return (
    <LocalListing
      label={block.title}
      file={`${block.title}.csv`}
      rows={block.rows}
      total={block.total}
      keyOf={keyOfRow}
      columns={columns}
      empty={<p>{block.empty}</p>}
    />
  )
}

type Place = Pick<Column<Row>, 'narrow' | 'rest' | 'hidden'>
const LINES = ['first', 'second', 'corner', 'act'] as const

/** Where a column is shown, as the plugin says. On a phone a row has else the first two columns, and its last two buttons. */
function placeOf({ rows, layout }: Table, at: number): Place {
  const { rest = -1, hidden = [], phone } = layout ?? {}
  const common = { rest: rest === at, hidden: hidden.includes(at) }
  if (!phone) return { ...common, ...narrowPlace(rows, at) }
  const { first, second, firstEnd, secondEnd } = phone
  const narrow = LINES[[first, second, firstEnd, secondEnd].indexOf(at)]
  return narrow === undefined ? common : { ...common, narrow }
}

function narrowPlace(rows: readonly Row[], at: number): Place {
  const buttons = [...(rows[0] ?? [])].flatMap((_, column) =>
    rows.some((row) => isForm(row[column] ?? null)) ? [column] : [],
  )
  const narrow =
    at === 0
      ? 'first'
      : at === buttons.at(-1)
        ? 'act'
        : at === buttons.at(-2)
          ? 'corner'
          : at === 1
            ? 'second'
            : null
  return narrow === null ? {} : { narrow }
}

/** A value as it is searched, sorted and written to a file. */
function plain(value: Value): string | number {
  if (value === null || isForm(value)) return ''
  if (typeof value !== 'object') return value
  return 'time' in value ? new Date(value.time).toISOString() : value.text
}

/** A row with a button keeps its question open while its other values change. */
function keyOfRow(row: Row): string {
  const form = row.find(isForm)
  return form ? callOf(form) : JSON.stringify(row)
}

const isForm = (value: Value): value is Form => typeof value === 'object' && value !== null && 'kind' in value

/** A number is one, so that the table knows. */
const cellOf = (value: Value) => (typeof value === 'number' ? value : <Cell value={value} />)

function Cell({ value }: { readonly value: Value }) {
  if (value === null) return <span class="quiet">–</span>
  if (typeof value === 'number') return <>{formatNumber(value)}</>
  if (typeof value !== 'object') return <span>{value}</span>
  if (isForm(value)) return <CallButton form={value} />
  if ('time' in value) return <Time at={new Date(value.time).toISOString()} />
  return <a href={value.href}>{value.text}</a>
}

type Values = Readonly<Record<string, Field['value']>>

async function send({ method, path, fields }: Form, values: Values): Promise<void> {
  await call(method, path.slice(PREFIX.length), fields.length === 0 ? undefined : values)
  announce(a('done'))
  reload(['plugin-part'])
}

/** Asks before a call, and says with which values. */
function Question(props: { readonly form: Form; readonly values: Values; onClose(): void }) {
  const { form, values, onClose } = props
  const { title, submit, effect, confirm, fields } = form
  return (
    <Confirm
      title={title}
      verb={submit}
      {...(confirm === undefined ? {} : { name: confirm })}
      onClose={onClose}
      confirm={() => send(form, values)}
    >
      {effect !== undefined && <p>{effect}</p>}
      {fields.length > 0 && <Facts rows={fields.map(({ name, label }) => [label, String(values[name])])} />}
    </Confirm>
  )
}

function CallButton({ form }: { readonly form: Form }) {
  return (
    <DialogButton
      // The hub leaves out the forms whose calls the person may not make.
      right={[]}
      text={form.submit}
      label={form.title}
      class={form.destructive ? 'plain small danger' : 'plain small'}
      dialog={(close) => <Question form={form} values={{}} onClose={close} />}
    />
  )
}

function CallForm({ form, level }: Pick<Level, 'level'> & { readonly form: Form }) {
  const { title, fields, submit, destructive, confirm } = form
  const [changed, setChanged] = useState<Values>({})
  const [asks, setAsks] = useState(false)
  const action = useAction()
  const values: Values = Object.fromEntries(
    fields.map(({ name, value, options }) => {
      const own = changed[name]
      // A choice can be gone since, also by this form.
      const there = own !== undefined && (options === undefined || options.includes(String(own)))
      return [name, there ? own : value]
    }),
  )
  return (
    <>
      <form
        class="panel"
        aria-label={title}
        onSubmit={(event) => {
          event.preventDefault()
          if (destructive || confirm !== undefined) setAsks(true)
          else void action.run(() => send(form, values))
        }}
      >
        <h3 aria-level={level}>{title}</h3>
        {fields.map((field) => (
          <Input
            key={field.name}
            field={field}
            value={values[field.name] ?? ''}
            onChange={(value) => setChanged((old) => ({ ...old, [field.name]: value }))}
          />
        ))}
        <ActionError error={action.error} />
        <button type="submit" class={destructive ? 'danger' : ''} disabled={action.busy}>
          {submit}
        </button>
      </form>
      {asks && <Question form={form} values={values} onClose={() => setAsks(false)} />}
    </>
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
