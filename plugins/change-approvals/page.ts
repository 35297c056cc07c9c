import type { Clock, dashboardParts, SlotRef } from '@mezite/core'
import { stateOf, titleOf } from './change.ts'
import type { createDetails } from './routes.ts'
import type { ChangeStore } from './store.ts'

type DashboardPart = typeof dashboardParts extends SlotRef<infer T> ? T : never
type Block = Awaited<ReturnType<Extract<DashboardPart, { kind: 'page' }>['content']>>[number]

/** Changes that are shown with their difference; `mezctl changes get` shows each. */
const MOST_SHOWN = 10
const PLACES = 50

/** The page "Changes" of the dashboard. */
export const changesPage = (parts: {
  readonly store: ChangeStore
  readonly detailsOf: ReturnType<typeof createDetails>
  readonly clock: Clock
}): DashboardPart => ({
  kind: 'page',
  right: 'change.list',
  path: 'changes',
  title: 'Changes to approve',
  texts: { de: german },
  async content() {
    const all = await parts.store.list()
    const state = (row: (typeof all)[number]) => stateOf(row, parts.clock.now())
    const waiting = all.filter((row) => state(row) === 'pending').slice(0, MOST_SHOWN)
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
          row.reason,
          row.problem,
          row.id,
        ]),
        empty: 'No change waits. `require_approval` of the plugin change-approvals chooses which changes do.',
      },
    ]
    for (const row of waiting) {
      const whole = await parts.store.byId(row.id)
      if (whole === undefined) continue
      const { difference, current, effect } = await parts.detailsOf(whole, () => true)
      const title = `${titleOf(row)}, asked by ${row.user_name}`
      blocks.push({
        kind: 'table',
        title,
        columns: ['Place', 'Now', 'After'],
        rows: difference.slice(0, PLACES).map(({ path, before, after }) => [path, before, after]),
        empty: 'No difference.',
      })
      if (current === false)
        blocks.push({
          kind: 'text',
          text: 'This was changed since, so the change can only be asked for again.',
        })
      const groups = Object(effect).groups as
        | readonly { users: readonly string[]; gains: readonly string[]; loses: readonly string[] }[]
        | undefined
      if (groups !== undefined)
        blocks.push({
          kind: 'table',
          title: 'Who gains and who loses access',
          columns: ['People', 'Gain', 'Lose'],
          rows: groups
            .slice(0, PLACES)
            .map(({ users, gains, loses }) => [namesOf(users), namesOf(gains), namesOf(loses)]),
          empty: 'Nobody gains or loses an application.',
        })
      type Fields = Extract<Block, { kind: 'form' }>['fields']
      const form = (submit: string, end: string, destructive: boolean, fields: Fields = []): Block => ({
        ...{ kind: 'form', method: 'POST', fields, submit, destructive },
        title: `${submit} ${title}`,
        path: `/v1/webapi/changes/${row.id}/${end}`,
      })
      blocks.push(
        form('Approve', 'approve', true),
        form('Deny', 'deny', true, [{ name: 'reason', label: 'Reason' }]),
        form('Take back', 'cancel', false),
      )
    }
    return blocks
  },
})

const MOST_NAMES = 20
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
  Place: 'Stelle',
  Now: 'Jetzt',
  After: 'Danach',
  'No difference.': 'Kein Unterschied.',
  'This was changed since, so the change can only be asked for again.':
    'Das wurde seitdem geändert, deshalb muss die Änderung neu erfragt werden.',
  'Who gains and who loses access': 'Wer Zugang gewinnt und wer ihn verliert',
  People: 'Personen',
  Gain: 'Gewinnen',
  Lose: 'Verlieren',
  'Nobody gains or loses an application.': 'Niemand gewinnt oder verliert eine Anwendung.',
  '{}, asked by {}': '{}, gefragt von {}',
  'Approve {}, asked by {}': '{} genehmigen, gefragt von {}',
  'Deny {}, asked by {}': '{} ablehnen, gefragt von {}',
  'Take back {}, asked by {}': '{} zurücknehmen, gefragt von {}',
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
