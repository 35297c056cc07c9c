import type { Clock, dashboardParts, SlotRef, Subject } from '@mezite/core'
import { stateOf, titleOf } from './change.ts'
import type { ChangeDesk } from './desk.ts'
import type { createDetails } from './routes.ts'
import type { ChangeStore } from './store.ts'

type DashboardPart = typeof dashboardParts extends SlotRef<infer T> ? T : never
type Block = Awaited<ReturnType<Extract<DashboardPart, { kind: 'page' }>['content']>>[number]

/** Changes that are shown with their difference; `mezctl changes get` shows each. */
const MOST_SHOWN = 10
const PLACES = 50
const GROUPS = 20
/** Of a value and of a reason, so that a page has far fewer characters than it may have. */
const LONGEST = 300

/** The page "Changes to approve": what `GET /changes` shows its reader, with the calls that the reader may make. */
export const changesPage = (parts: {
  readonly desk: Pick<ChangeDesk, 'choices' | 'mayRead' | 'maySee'>
  readonly store: ChangeStore
  readonly detailsOf: ReturnType<typeof createDetails>
  readonly clock: Clock
  /** Whether the reader, without `change.list`, has the right for some of the changes that wait. */
  readonly opensTo: (reader: Subject) => boolean
}): DashboardPart => ({
  kind: 'page',
  right: 'change.list',
  path: 'changes',
  title: 'Changes to approve',
  texts: { de: german },
  opensTo: parts.opensTo,
  async content(reader) {
    const { desk, store, detailsOf } = parts
    const all = (await store.list()).filter((row) => desk.mayRead(row, reader))
    const state = (row: (typeof all)[number]) => stateOf(row, parts.clock.now())
    const waiting = all.filter((row) => state(row) === 'pending')
    const blocks: Block[] = [
      {
        kind: 'text',
        text: 'These changes are made once another person who has the right for them approves them.',
      },
      {
        kind: 'table',
        title: 'Changes',
        columns: ['State', 'Change', 'Asked by', 'Asked', 'Decided by', 'Reason', 'Problem', 'Id'],
        rows: all.map((row) => [
          { word: state(row) },
          titleOf(row),
          row.user_name,
          { time: Number(row.created) },
          row.decided_by,
          row.reason === null ? null : cut(row.reason),
          row.problem,
          row.id,
        ]),
        empty: 'No change waits. `require_approval` of the plugin change-approvals chooses which changes do.',
        layout: { rest: 1, phone: { first: 1, firstEnd: 0, second: 2, secondEnd: 3 } },
      },
    ]
    if (waiting.length > MOST_SHOWN)
      blocks.push({
        kind: 'text',
        text: `The ${MOST_SHOWN} newest that wait are below; \`mezctl changes get\` shows each of the others.`,
      })
    for (const row of waiting.slice(0, MOST_SHOWN)) {
      const whole = await store.byId(row.id)
      if (whole === undefined) continue
      const { difference, current, effect } = await detailsOf(whole, (same) => desk.maySee(row, reader, same))
      const title = `${titleOf(row)}, asked by ${row.user_name}`
      const text = (text: string) => blocks.push({ kind: 'text', text })
      const incomplete = () => text(`This is not all of it: \`mezctl changes get ${row.id}\` shows the rest.`)
      text(title)
      // On a phone, a table would hide the last column, and a long value elsewhere.
      const places = difference
        .slice(0, PLACES)
        .map(({ path, before, after }) => [path, `${cut(before)} → ${cut(after)}`])
      if (places.length > 0) blocks.push({ kind: 'facts', facts: Object.fromEntries(places) })
      else
        text(
          desk.maySee(row, reader, current !== false)
            ? 'No difference.'
            : 'You do not see what became of it.',
        )
      const isLong = (value: string | null) => value !== null && value.length > LONGEST
      if (
        difference.length > PLACES ||
        difference.some(({ before, after }) => isLong(before) || isLong(after))
      )
        incomplete()
      if (current === false) text('This was changed since, so the change can only be asked for again.')
      const groups = Object(effect).groups as
        | readonly { users: readonly string[]; gains: readonly string[]; loses: readonly string[] }[]
        | undefined
      if (groups?.length === 0) text('Nobody gains or loses an application.')
      else if (groups !== undefined) {
        blocks.push({
          kind: 'table',
          title: 'Who gains and who loses access',
          columns: ['People', 'Gain', 'Lose'],
          rows: groups
            .slice(0, GROUPS)
            .map(({ users, gains, loses }) => [namesOf(users), namesOf(gains), namesOf(loses)]),
          empty: '',
        })
        if (groups.length > GROUPS) incomplete()
      }
      type Fields = Extract<Block, { kind: 'form' }>['fields']
      const form = (submit: string, end: string, destructive: boolean, fields: Fields = []): Block => ({
        ...{ kind: 'form', method: 'POST', fields, submit, destructive },
        title: `${submit} ${title}`,
        path: `/v1/webapi/changes/${row.id}/${end}`,
      })
      const may = desk.choices(whole, reader)
      if (may.approve && current !== false) blocks.push(form('Approve', 'approve', true))
      if (may.deny) blocks.push(form('Deny', 'deny', true, [{ name: 'reason', label: 'Reason' }]))
      if (may.cancel) blocks.push(form('Take back', 'cancel', false))
      if (!may.deny)
        blocks.push({
          kind: 'text',
          text: `Somebody else who has the right ${row.right} decides about this.`,
        })
    }
    return blocks
  },
})

const cut = (value: string | null): string =>
  value === null ? '–' : value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value

const MOST_NAMES = 10
const namesOf = (names: readonly string[]): string =>
  names.length <= MOST_NAMES
    ? names.join(', ')
    : `${names.slice(0, MOST_NAMES).join(', ')}, … (${names.length})`

const german = {
  'Changes to approve': 'Änderungen zur Genehmigung',
  'These changes are made once another person who has the right for them approves them.':
    'Diese Änderungen werden gemacht, sobald eine andere Person, die das Recht dazu hat, sie genehmigt.',
  Changes: 'Änderungen',
  State: 'Zustand',
  Change: 'Änderung',
  'Asked by': 'Gefragt von',
  Asked: 'Gefragt',
  'Decided by': 'Entschieden von',
  Reason: 'Grund',
  Problem: 'Hindernis',
  Id: 'Kennung',
  'No change waits. `require_approval` of the plugin change-approvals chooses which changes do.':
    'Keine Änderung wartet. `require_approval` des Plugins change-approvals bestimmt, welche warten.',
  'The {} newest that wait are below; `mezctl changes get` shows each of the others.':
    'Die {} neuesten, die warten, stehen unten; `mezctl changes get` zeigt jede der anderen.',
  'This is not all of it: `mezctl changes get {}` shows the rest.':
    'Das ist nicht alles: `mezctl changes get {}` zeigt den Rest.',
  'No difference.': 'Kein Unterschied.',
  'You do not see what became of it.': 'Was daraus geworden ist, sehen Sie nicht.',
  'Somebody else who has the right {} decides about this.':
    'Darüber entscheidet jemand anders, der das Recht {} hat.',
  'This was changed since, so the change can only be asked for again.':
    'Das wurde seitdem geändert, deshalb muss die Änderung neu erfragt werden.',
  'Who gains and who loses access': 'Wer Zugang gewinnt und wer ihn verliert',
  People: 'Personen',
  Gain: 'Gewinnen',
  Lose: 'Verlieren',
  'Nobody gains or loses an application.': 'Niemand gewinnt oder verliert eine Anwendung.',
  'Approve {}, asked by {}': '{} genehmigen, gefragt von {}',
  'Deny {}, asked by {}': '{} ablehnen, gefragt von {}',
  'Take back {}, asked by {}': '{} zurücknehmen, gefragt von {}',
  // Fits the three above as well: the first one that fits counts.
  '{}, asked by {}': '{}, gefragt von {}',
  Approve: 'Genehmigen',
  Deny: 'Ablehnen',
  'Take back': 'Zurücknehmen',
  pending: 'wartet',
  running: 'läuft',
  done: 'gemacht',
  failed: 'gescheitert',
  unclear: 'unklar',
  outdated: 'veraltet',
  denied: 'abgelehnt',
  cancelled: 'zurückgenommen',
  expired: 'abgelaufen',
  forced: 'ohne Genehmigung gemacht',
}
