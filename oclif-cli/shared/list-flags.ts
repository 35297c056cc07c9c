import * as Flags from '@oclif/core/flags'
import { CliError } from './cli-error.ts'
import type { Flat, Resource } from './resource.ts'
import { showCell } from './table.ts'

/**
 * A column of a table: its title, its value for one object, and what a time means to `--sort`: the latest `time` comes first, and the
 * nearest `deadline`. Both are RFC 3339 times, which the table shows relative to now.
 *
 * @public
 */
export type Column<T> = readonly [
  title: string,
  value: (object: T) => unknown,
  order?: 'time' | 'deadline' | undefined,
]

/** How `--state`, `--label` and `--sort` read the objects of a list. @public */
export interface Arrangement<T> {
  readonly columns: readonly Column<T>[]
  /** By the word of `--state`: whether an object is in this state. An object can be in several. Default: `active` and `expired` documents. */
  readonly states?: Readonly<Record<string, (object: T) => boolean>>
  /** Labels of an object. Default: those of its document, or its member `labels`. */
  readonly labels?: (object: T) => Readonly<Record<string, unknown>>
  /** Names of the apps that an object belongs to; `--label` also finds it by their labels. */
  readonly apps?: (object: T) => readonly unknown[]
}

/** The values of the flags of a list. */
export interface ListFlags {
  readonly q?: string | undefined
  readonly state?: string | undefined
  readonly label?: readonly string[] | undefined
  readonly limit?: number | undefined
  readonly sort?: string | undefined
}

const documentStates: Readonly<Record<string, (object: unknown) => boolean>> = {
  active: (object) => !isPast((object as Resource).metadata?.expires),
  expired: (object) => isPast((object as Resource).metadata?.expires),
}

/** Whether an RFC 3339 time is over; false without one. */
export const isPast = (time: unknown): boolean => Date.parse(String(time)) <= Date.now()

/** The word of a column for `--sort`: `last-login`. */
const wordOf = ([title]: readonly [title: string, ...unknown[]]): string =>
  title
    .replace(/ \(.*/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/-$/, '')

/** The flags of every command that prints a list. @public */
export const listFlags = <T>({
  columns,
  states = documentStates,
}: Pick<Arrangement<T>, 'columns' | 'states'>) => ({
  q: Flags.string({ description: 'Only those that contain these words', helpValue: 'WORDS' }),
  state: Flags.string({
    description: 'Only those in this state',
    options: Object.keys(states),
    helpValue: 'STATE',
  }),
  label: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'Only those with this label, or of an app with it; again for another label',
    helpValue: 'KEY=VALUE',
  }),
  limit: Flags.integer({ min: 1, description: 'Show at most this many', helpValue: 'N' }),
  sort: Flags.string({
    description: 'Order by this column: the latest time and the largest number first',
    options: columns.map((column) => wordOf(column)),
    helpValue: 'COLUMN',
  }),
})

/** The objects that the flags ask for, in their order; without flags, all of them as they are. `ofApps` are names of apps with the labels. */
export function arranged<T>(
  objects: readonly T[],
  { state, label = [], sort }: ListFlags,
  { columns, states = documentStates, labels = labelsOf, apps }: Arrangement<T>,
  ofApps: ReadonlySet<unknown> = new Set(),
): readonly T[] {
  const isIn = state === undefined ? () => true : states[state]!
  const wanted = label.map(parseLabel)
  const isLabelled = (object: T) =>
    hasLabels(labels(object), wanted) || apps?.(object).some((app) => ofApps.has(app)) === true
  const found = objects.filter((object) => isIn(object) && (wanted.length === 0 || isLabelled(object)))
  const column = columns.find((one) => wordOf(one) === sort)
  return column === undefined ? found : sorted(found, column)
}

/** As `arranged`, of objects that this program has in full: with `--q`, in the cells of the table, and `--limit`. */
export function chosen<T>(
  objects: readonly T[],
  flags: ListFlags,
  arrangement: Arrangement<T>,
): readonly T[] {
  const words = (flags.q ?? '').toLowerCase().split(/\s+/)
  const textOf = (object: T) =>
    arrangement.columns.map(([, value]) => showCell(value(object)).toLowerCase()).join(' ')
  const found = objects.filter((object) => words.every((word) => textOf(object).includes(word)))
  return arranged(found, flags, arrangement).slice(0, flags.limit)
}

/** Names of the apps that have all labels of `--label`. */
export const appsWith = (apps: readonly Resource[], label: readonly string[]): ReadonlySet<unknown> =>
  new Set(
    apps
      .filter((app) => hasLabels(labelsOf(app), label.map(parseLabel)))
      .map(({ metadata }) => metadata?.name),
  )

function labelsOf(object: unknown): Readonly<Record<string, unknown>> {
  const { metadata, labels } = object as Resource & Flat
  return metadata?.labels ?? (labels as Record<string, unknown> | undefined) ?? {}
}

type Label = readonly [key: string, value: string]

function parseLabel(text: string): Label {
  const at = text.indexOf('=')
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)]
  throw new CliError('MEZ_USAGE_WRONG', `--label: ${JSON.stringify(text)} is not KEY=VALUE`)
}

const hasLabels = (labels: Readonly<Record<string, unknown>>, wanted: readonly Label[]): boolean =>
  wanted.every(
    ([key, value]) => Object.hasOwn(labels, key) && [labels[key]].flat().map(String).includes(value),
  )

/** Objects without a value come last, and those with the same value stay in their order. */
function sorted<T>(objects: readonly T[], [, value, order]: Column<T>): readonly T[] {
  const { compare } = new Intl.Collator('en', { numeric: true })
  const keyed = objects.map((object) => ({ object, key: value(object) }))
  const isEmpty = (key: unknown) => showCell(key) === '-'
  const inOrder = (one: unknown, other: unknown): number => {
    if (isEmpty(one) || isEmpty(other)) return Number(isEmpty(one)) - Number(isEmpty(other))
    if (typeof one === 'number' && typeof other === 'number') return other - one
    if (order === undefined) return compare(showCell(one), showCell(other))
    const apart = Date.parse(String(one)) - Date.parse(String(other))
    return order === 'time' ? -apart : apart
  }
  return keyed.sort((one, other) => inOrder(one.key, other.key)).map(({ object }) => object)
}
