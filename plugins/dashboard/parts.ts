import { type dashboardParts, inTurns, type Log, messageOf, type SlotRef } from '@mezite/core'
import type { Say } from './part-texts.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never
export type Texts = Part['texts']
export type Page = Extract<Part, { kind: 'page' }>
export type Panel = Extract<Part, { kind: 'panel' }>
export type PersonPanel = Extract<Part, { kind: 'person-panel' }>
type Given = Awaited<ReturnType<Page['content']>>[number]
type Block<Kind extends Given['kind']> = Extract<Given, { kind: Kind }>
type Value = Block<'facts'>['facts'][string]

const CONTENT_MS = 5_000
/** Rows of a table that are sent with its page; the rest of a longer one is read from `rowsOf`. */
const MOST_ROWS = 1_000
const MOST_CHARACTERS = 1_000_000

/** Whoever reads a page: their language, and which calls they may make. */
export interface Reader {
  readonly say: Say
  mayCall(call: Pick<Block<'form'>, 'method' | 'path'>): boolean
}

/** The content that a plugin returned, as the dashboard renders it. */
export type Shown =
  | Block<'text'>
  | { readonly kind: 'facts'; readonly facts: readonly (readonly [string, Value])[] }
  | (Block<'table'> & {
      /** All rows, if only the first ones are here. */
      readonly total?: number
    })
  | Block<'form'>

type Load = () => Promise<readonly Given[] | null>

/**
 * The content of a page or panel; null for a panel that does not concern the app. Undefined if the plugin failed, which
 * the log then reports: the other pages and panels are unaffected.
 */
export const contentOf = (
  part: Pick<Part, 'kind' | 'title'>,
  load: Load,
  to: Reader,
  log: Log,
): Promise<readonly Shown[] | null | undefined> =>
  loaded(part, load, log, async (blocks) => {
    const shown = openTo(blocks, to).map((block) => readBlock(block, to))
    if (JSON.stringify(shown).length > MOST_CHARACTERS)
      throw new Error(`its content has more than ${MOST_CHARACTERS} characters`)
    return shown
  })

/** A row of a table with its place in it. */
export interface TableRow {
  readonly at: number
  readonly cells: readonly Value[]
}

/** All rows of a table: that at this place among the blocks of a page. Null: there is no such table. Otherwise as `contentOf`. */
export const rowsOf = (
  page: Page,
  load: Load,
  place: number,
  to: Reader,
  log: Log,
): Promise<readonly TableRow[] | null | undefined> =>
  loaded(page, load, log, async (blocks) => {
    const table = openTo(blocks, to)[place]
    if (table?.kind !== 'table') return null
    const rows: TableRow[] = []
    for await (const row of inTurns(table.rows))
      rows.push({ at: rows.length, cells: cellsOf(table, row, to) })
    return rows
  })

/** What `read` makes of the content; undefined, with a line in the log, if the plugin or reading fails. */
async function loaded<T>(
  part: Pick<Part, 'kind' | 'title'>,
  load: Load,
  log: Log,
  read: (blocks: readonly Given[]) => Promise<T>,
): Promise<T | null | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${CONTENT_MS / 1_000} s`)), CONTENT_MS)
  })
  try {
    // In a function, because a plugin may throw at once.
    const blocks = await Promise.race([(async () => load())(), late])
    if (blocks === null) return null
    return await read(blocks)
  } catch (error) {
    const { kind, title } = part
    log.error(
      { kind, title, cause: messageOf(error) },
      'a plugin failed to provide its part of the dashboard',
    )
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

/** Without the forms whose calls the reader may not make. */
const openTo = (blocks: readonly Given[], to: Reader) =>
  blocks.filter((block) => block.kind !== 'form' || to.mayCall(block))

/** Copies the known members with their types, so that a page can rely on them. */
function readBlock(block: Given, to: Reader): Shown {
  switch (block.kind) {
    case 'text':
      return { kind: 'text', text: to.say(String(block.text)) }
    case 'facts':
      return {
        kind: 'facts',
        facts: Object.entries(block.facts).map(
          ([term, value]) => [to.say(term), readValue(value, to)] as const,
        ),
      }
    case 'table': {
      const { columns, rows } = block
      return {
        kind: 'table',
        title: to.say(String(block.title)),
        columns: columns.map((column) => to.say(String(column))),
        rows: rows.slice(0, MOST_ROWS).map((row) => cellsOf(block, row, to)),
        ...(rows.length > MOST_ROWS && { total: rows.length }),
        empty: to.say(String(block.empty)),
        ...(block.layout && { layout: readLayout(block.layout) }),
      }
    }
    case 'form':
      return readForm(block, to)
    default:
      throw new Error(`"${(block as { kind: unknown }).kind}" is not a kind of content`)
  }
}

type Layout = NonNullable<Block<'table'>['layout']>

/** Throws for anything but places of columns, so that the plugin's author learns of it. */
function readLayout({ rest, hidden = [], phone }: Layout): Layout {
  const places = [rest, ...hidden, ...Object.values(phone ?? {})].filter((place) => place !== undefined)
  if (!places.every(Number.isSafeInteger))
    throw new Error('its layout names a column by another thing than its place')
  return { ...(rest !== undefined && { rest }), hidden: [...hidden], ...(phone && { phone: { ...phone } }) }
}

const cellsOf = (
  { columns }: Block<'table'>,
  row: Block<'table'>['rows'][number],
  to: Reader,
): readonly Value[] => columns.map((_column, index) => readValue(row[index] ?? null, to))

function readForm(form: Block<'form'>, to: Reader): Block<'form'> {
  const { method, path, destructive = false, effect, confirm } = form
  if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(method))
    throw new Error(`${method} cannot be the method of a form`)
  if (!isApiPath(path)) throw new Error(`"${path}" is not a path below /v1/webapi/`)
  return {
    kind: 'form',
    method,
    path,
    title: to.say(String(form.title)),
    submit: to.say(String(form.submit)),
    destructive: destructive === true,
    ...(effect === undefined ? {} : { effect: to.say(String(effect)) }),
    ...(confirm === undefined ? {} : { confirm: String(confirm) }),
    fields: form.fields.map(({ name, label, type = 'text', value = '', options }) => ({
      name: String(name),
      label: to.say(String(label)),
      type,
      value,
      ...(options === undefined ? {} : { options: options.map(String) }),
    })),
  }
}

function readValue(value: Value, to: Reader): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  if ('kind' in value) {
    if (value.fields.length > 0) throw new Error(`the form "${value.title}" has fields, and is not a block`)
    return to.mayCall(value) ? readForm(value, to) : null
  }
  if ('time' in value) return { time: new Date(value.time).getTime() }
  if ('word' in value && value.href === undefined) return to.say(String(value.word))
  if (value.href === undefined || !isOwnPath(value.href))
    throw new Error(`"${value.href}" is not a path of the hub's own host`)
  return { text: 'word' in value ? to.say(String(value.word)) : String(value.text), href: value.href }
}

const BASE = 'https://hub.invalid'
/** Whether a browser stays on the same host when it follows this: not for `//host`, `/\host` or `javascript:`. */
const isOwnPath = (href: string): boolean =>
  href.startsWith('/') && URL.canParse(href, BASE) && new URL(href, BASE).origin === BASE
const isApiPath = (path: string): boolean =>
  isOwnPath(path) && new URL(path, BASE).pathname.startsWith('/v1/webapi/')
