import type { Catalog, dashboardParts, Sessions, SlotRef } from '@mezite/core'
import type { AppClients } from './app-clients.ts'
import type { OperatorClients } from './operator-clients.ts'
import { type ListedProgram, listPrograms } from './programs.ts'
import { listProgramsNow, type ProgramNow } from './programs-now.ts'
import type { Running } from './running.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

const KINDS: Readonly<Record<ListedProgram['kind'], string>> = {
  app: 'sign-in of an application',
  operator: 'made by an administrator',
  registered: 'registered itself',
  metadata: 'published its metadata',
}

/** The page "Programs" of the administration: programs, who let them in, and a way to remove one. */
export function programsPage(deps: {
  readonly running: () => Running
  readonly appClients: AppClients
  readonly operatorClients: Pick<OperatorClients, 'list'>
  readonly catalog: Pick<Catalog, 'list' | 'byId'>
  readonly sessions: Pick<Sessions, 'list' | 'activityOf'>
}): Part {
  const { running, appClients, operatorClients, catalog, sessions } = deps
  return {
    kind: 'page',
    right: 'client.list',
    path: 'programs',
    title: 'Programs',
    texts: { de: german },
    async content() {
      const { records } = running()
      const programs = await listPrograms({ records, appClients, operatorClients, catalog })
      const now = await listProgramsNow({ records, sessions, catalog })
      const removable = programs.filter(({ kind }) => kind !== 'app').map(({ client_id }) => client_id)
      return [
        { kind: 'text', text: 'These programs have access now:' },
        {
          kind: 'table',
          title: 'Programs now',
          columns: ['Program', 'Person', 'Applications', 'Last used', 'Since', 'Until', 'Action'],
          rows: now.slice(0, MOST_SHOWN).map(rowOf),
          empty: 'No program has access now.',
        },
        ...(now.length > MOST_SHOWN
          ? [
              {
                kind: 'text' as const,
                text: `${now.length} programs have access now: mezctl programs ls lists all of them.`,
              },
            ]
          : []),
        { kind: 'text', text: 'All programs that people let in, and those of applications:' },
        {
          kind: 'table',
          title: 'Programs',
          columns: ['Program', 'Client ID', 'How it is known', 'People', 'Since'],
          rows: programs.map(({ client_id, name, kind, people, created }) => [
            kind === 'app' ? { text: name, href: `/web/admin/apps/${encodeURIComponent(name)}` } : name,
            client_id,
            { word: KINDS[kind] },
            people,
            created === null ? null : { time: Date.parse(created) },
          ]),
          empty: 'No programs. People let them in when they start them.',
        },
        ...(removable.length === 0
          ? []
          : [
              {
                kind: 'form' as const,
                title: 'Remove a program',
                submit: 'Remove the program',
                effect: 'Its tokens and connections end at once.',
                destructive: true,
                method: 'POST' as const,
                path: '/v1/webapi/clients/remove',
                fields: [
                  { name: 'client_id', label: 'Client ID', options: removable, value: removable[0] ?? '' },
                ],
              },
            ]),
      ]
    },
  }
}

const MOST_SHOWN = 500

const rowOf = ({ id, program, user, apps, last_used, created, expires }: ProgramNow) => [
  program,
  user.startsWith('bot:') ? user : { text: user, href: `/web/admin/people/${encodeURIComponent(user)}` },
  apps.join(', ') || { word: 'none' },
  { time: Date.parse(last_used) },
  { time: Date.parse(created) },
  { time: Date.parse(expires) },
  {
    ...{ kind: 'form' as const, method: 'DELETE' as const, path: `/v1/webapi/sessions/${id}`, fields: [] },
    title: `End the access of ${program} for ${user}?`,
    effect: 'Its tokens and connections end at once.',
    ...{ submit: 'End', destructive: true },
  },
]

const german = {
  Programs: 'Programme',
  Program: 'Programm',
  'Client ID': 'Kennung',
  'How it is known': 'Woher bekannt',
  People: 'Personen',
  Since: 'Seit',
  Until: 'Bis',
  'Programs now': 'Programme jetzt',
  'These programs have access now:': 'Diese Programme haben jetzt Zugriff:',
  'All programs that people let in, and those of applications:':
    'Alle Programme, die Personen eingelassen haben, und die von Anwendungen:',
  Applications: 'Anwendungen',
  Person: 'Person',
  'Last used': 'Zuletzt benutzt',
  Action: 'Aktion',
  End: 'Beenden',
  none: 'keine',
  'End the access of {} for {}?': 'Den Zugriff von {} für {} beenden?',
  'No program has access now.': 'Kein Programm hat jetzt Zugriff.',
  '{} programs have access now: mezctl programs ls lists all of them.':
    '{} Programme haben jetzt Zugriff: mezctl programs ls zeigt alle.',
  'sign-in of an application': 'Anmeldung einer Anwendung',
  'made by an administrator': 'von der Administration angelegt',
  'registered itself': 'hat sich selbst angemeldet',
  'published its metadata': 'veröffentlicht seine Angaben',
  'No programs. People let them in when they start them.':
    'Keine Programme. Personen lassen sie ein, wenn sie sie starten.',
  'Remove a program': 'Ein Programm entfernen',
  'Remove the program': 'Das Programm entfernen',
  'Its tokens and connections end at once.': 'Seine Tokens und Verbindungen enden sofort.',
}
