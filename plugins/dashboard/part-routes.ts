import {
  type AdminRights,
  apiRoutes,
  type Catalog,
  inTurns,
  type Log,
  messageOf,
  type Pages,
  type Subject,
  Type,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import { PageQuery, pageOf, sortedQuery } from '@mezite/core/administration'
import type { RouteAccess } from '@mezite/core/types'
import { sayIn } from './part-texts.ts'
import {
  contentOf,
  type Page,
  type Panel,
  type PersonPanel,
  type Reader,
  rowsOf,
  type TableRow,
} from './parts.ts'
import { problemFor } from './reasons.ts'

const Title = { title: Type.String() }
const Form = Type.Object({
  kind: Type.Literal('form'),
  ...Title,
  method: Type.String(),
  path: Type.String(),
  submit: Type.String(),
  destructive: Type.Boolean(),
  effect: Type.Optional(Type.String()),
  confirm: Type.Optional(Type.String()),
  fields: Type.Array(
    Type.Object({
      name: Type.String(),
      label: Type.String(),
      type: Type.String(),
      value: Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
      options: Type.Optional(Type.Array(Type.String())),
    }),
  ),
})
const Value = Type.Union([
  Type.String(),
  Type.Number(),
  Type.Null(),
  Type.Object({ text: Type.String(), href: Type.String() }),
  Type.Object({ time: Type.Integer({ description: 'Milliseconds since 1970' }) }),
  Form,
])
const Place = Type.Optional(Type.Integer())
const Layout = Type.Object({
  rest: Type.Optional(Type.Integer({ description: 'The column that takes the width that others leave' })),
  hidden: Type.Array(Type.Integer()),
  phone: Type.Optional(
    Type.Object({ first: Type.Integer(), second: Place, firstEnd: Place, secondEnd: Place }),
  ),
})
const Blocks = Type.Array(
  Type.Union([
    Type.Object({ kind: Type.Literal('text'), text: Type.String() }),
    Type.Object({
      kind: Type.Literal('facts'),
      facts: Type.Array(Type.Array(Value)),
    }),
    Type.Object({
      kind: Type.Literal('table'),
      ...Title,
      columns: Type.Array(Type.String()),
      rows: Type.Array(Type.Array(Value)),
      total: Type.Optional(Type.Integer({ description: 'All rows, if only the first 1,000 are here' })),
      empty: Type.String(),
      layout: Type.Optional(Layout),
    }),
    Form,
  ]),
)

/** The first columns of a table of a plugin, by which a long one can be sorted. */
const SORTED_COLUMNS = Array.from({ length: 30 }, (_, column) => String(column))

type Cell = TableRow['cells'][number]

/** A value as it is searched. */
function textOfCell(cell: Cell | undefined): string {
  if (cell == null) return ''
  if (typeof cell !== 'object') return String(cell)
  if ('time' in cell) return new Date(cell.time).toISOString()
  return 'text' in cell ? cell.text : ''
}

/** So that negative numbers come before positive ones in the text by which lists are sorted. */
const BEYOND_NEGATIVE = 1e15

function sortOfCell(cell: Cell | undefined): string | number {
  if (typeof cell === 'number') return cell + BEYOND_NEGATIVE
  return textOfCell(cell)
}

/** How the rows of a table of a plugin are searched and sorted; without a search, they are in the order of the plugin. */
const rowOrder = {
  keyOf: ({ at }: TableRow) => String(at).padStart(9, '0'),
  textOf: ({ cells }: TableRow) => cells.map(textOfCell),
  sorts: Object.fromEntries(
    SORTED_COLUMNS.map((column) => [column, ({ cells }: TableRow) => sortOfCell(cells[Number(column)])]),
  ),
}

/** What the language and the rights of a caller depend on. */
interface Caller {
  readonly subject: Subject
  readonly headers: { readonly 'accept-language'?: string | undefined }
}

/** `/v1/webapi/dashboard`: the pages and panels that plugins add. */
export function partRoutes(deps: {
  readonly pages: readonly Page[]
  readonly languageOf: Pages['languageOf']
  readonly panels: readonly Panel[]
  readonly personPanels: readonly PersonPanel[]
  readonly users: Pick<Users, 'byName' | 'list' | 'rolesOf'>
  readonly catalog: Pick<Catalog, 'list'>
  readonly rights: Pick<AdminRights, 'may' | 'reach' | 'rightFor'>
  readonly log: Log
}): WebRoutes {
  const { pages, panels, personPanels, catalog, users, rights, log } = deps
  /** The parts whose right the caller has. */
  const openTo = <P extends Pick<Page, 'right'>>({ subject }: Caller, parts: readonly P[]) =>
    parts.filter(({ right }) => rights.may(subject, right))
  /** Whether a page opens to the caller by itself, whatever rights the caller has: only to people who are signed in. */
  function opensTo({ title, opensTo }: Page, { subject }: Caller): boolean {
    if (opensTo === undefined || subject.kind !== 'session') return false
    try {
      return opensTo(subject) === true
    } catch (error) {
      log.error({ title, cause: messageOf(error) }, 'a plugin failed to say whether its page opens')
      return false
    }
  }
  const named = (wanted: string) => catalog.list().find(({ name }) => name === wanted)
  const appRows = {
    labelsOf: (name: string) => named(name)?.labels,
    missing: () => problemFor('page_not_found', 'There is no such app.'),
  }
  /** How a part is shown to the caller, by the languages of the browser and the rights of the caller. */
  const readerOf = ({ headers, subject }: Caller, { texts }: Pick<Page, 'texts'>): Reader => ({
    say: sayIn(texts, deps.languageOf(headers['accept-language'])),
    mayCall({ method, path }) {
      const right = rights.rightFor(method, path.split('?', 1)[0]!)
      return right === null || rights.reach(subject, right) !== 'none'
    },
  })
  /** The panels that concern the app or person; null blocks of one that has failed. */
  async function shownOf<P extends Panel | PersonPanel>(
    all: readonly P[],
    caller: Caller,
    load: (panel: P) => ReturnType<P['content']>,
  ) {
    const shown = await Promise.all(
      openTo(caller, all).map(async (panel) => {
        const to = readerOf(caller, panel)
        const blocks = await contentOf(panel, () => load(panel), to, log)
        return blocks === null ? [] : [{ title: to.say(panel.title), blocks: blocks ?? null }]
      }),
    )
    return shown.flat()
  }

  return apiRoutes('dashboard', (on) => {
    const counts = {
      access: 'user.list',
      summary: 'How many people have each role',
      returns: Type.Record(Type.String(), Type.Integer()),
    } as const
    on('GET /people-by-role', counts, async () => {
      const people = new Map<string, number>()
      for await (const { name } of inTurns(users.list()))
        for (const role of users.rolesOf(name)) people.set(role, (people.get(role) ?? 0) + 1)
      return Object.fromEntries(people)
    })
    const labels = {
      access: 'app.list',
      rows: 'asks',
      summary: 'The labels of apps, as `team=data`, and how many apps have each',
      returns: Type.Record(Type.String(), Type.Integer()),
    } as const
    on('GET /labels', labels, async (_, { mayRow }) => {
      const found = new Map<string, number>()
      for await (const { labels } of inTurns(catalog.list()))
        if (mayRow?.(labels) !== false)
          for (const pair of Object.entries(labels).map(([key, value]) => `${key}=${value}`))
            found.set(pair, (found.get(pair) ?? 0) + 1)
      return Object.fromEntries([...found].sort(([one], [other]) => (one < other ? -1 : 1)))
    })
    /** The routes of some pages. Those of pages that open by themselves need no right, and know no other page. */
    function pageRoutes(
      at: string,
      rightTo: { readonly list: RouteAccess; readonly read: RouteAccess },
      pagesOf: (caller: Caller) => readonly Page[],
      which: string,
    ): void {
      const list = {
        access: rightTo.list,
        summary: `Pages that plugins add to the dashboard${which}`,
        returns: Type.Array(Type.Object({ path: Type.String(), ...Title })),
      } as const
      on(`GET /${at}`, list, (_, caller) =>
        pagesOf(caller).map((page) => ({ path: page.path, title: readerOf(caller, page).say(page.title) })),
      )
      const get = {
        access: rightTo.read,
        summary: `The content of a page that a plugin adds${which}`,
        returns: Type.Object({ ...Title, blocks: Blocks }),
      } as const
      on(`GET /${at}/:path`, get, async (wanted, caller) => {
        const page = pagesOf(caller).find(({ path }) => path === wanted)
        if (!page) throw problemFor('page_not_found', `No plugin has a page "${wanted}".`)
        const to = readerOf(caller, page)
        const blocks = await contentOf(page, () => page.content(caller.subject), to, log)
        if (blocks) return { title: to.say(page.title), blocks }
        throw problemFor('plugin_failed')
      })
      const table = {
        access: rightTo.read,
        summary: `The rows of the table at this place among the blocks of a page that a plugin adds${which}`,
        querystring: sortedQuery(PageQuery, SORTED_COLUMNS),
        returns: Type.Array(Type.Array(Value)),
      } as const
      on(`GET /${at}/:path/tables/:place`, table, async (wanted, caller, reply) => {
        const page = pagesOf(caller).find(({ path }) => path === wanted)
        const load = () => page!.content(caller.subject)
        const place = Number(caller.params.place)
        const rows = page && (await rowsOf(page, load, place, readerOf(caller, page), log))
        if (page && rows === undefined) throw problemFor('plugin_failed')
        if (!rows) throw problemFor('page_not_found', `No plugin has such a table on a page "${wanted}".`)
        return (await pageOf(caller, reply, rows, rowOrder)).map(({ cells }) => cells)
      })
    }
    pageRoutes(
      'pages',
      { list: 'dashboard.list', read: 'dashboard.read' },
      (caller) => pages.filter((page) => rights.may(caller.subject, page.right) || opensTo(page, caller)),
      '',
    )
    pageRoutes(
      'own-pages',
      { list: 'user', read: 'user' },
      (caller) => pages.filter((page) => opensTo(page, caller)),
      ', of those that open to the caller by themselves',
    )
    const ofApp = {
      access: 'app.read',
      summary: 'The panels that plugins add to the page of an app',
      returns: Type.Array(Type.Object({ ...Title, blocks: Type.Nullable(Blocks) })),
    } as const
    on('GET /panels/:name', { ...ofApp, rows: appRows }, (wanted, caller) => {
      const app = named(wanted)
      return app ? shownOf(panels, caller, (panel) => panel.content(app)) : []
    })
    const ofPerson = {
      ...ofApp,
      access: 'user.read',
      summary: 'The panels that plugins add to the page of a person',
    } as const
    on('GET /person-panels/:name', ofPerson, (name, caller) => {
      const person = users.byName(name)
      return person ? shownOf(personPanels, caller, (panel) => panel.content(person)) : []
    })
  })
}
