import type { Catalog, dashboardParts, Sessions, SlotRef } from '@mezite/core'
import type { AppClients } from './app-clients.ts'
import { consentOf } from './consent.ts'
import { type ListedProgram, listPrograms } from './programs.ts'
import type { Running } from './running.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

const KINDS: Readonly<Record<ListedProgram['kind'], string>> = {
  app: 'sign-in of an application',
  registered: 'registered itself',
  metadata: 'published its metadata',
}

/** The page "Programs" of the administration: programs, who let them in, and a way to remove one. */
export function programsPage(deps: {
  readonly running: () => Running
  readonly appClients: AppClients
  readonly catalog: Pick<Catalog, 'list'>
  readonly sessions: Pick<Sessions, 'byId'>
}): Part {
  const { running, appClients, catalog, sessions } = deps
  return {
    kind: 'page',
    right: 'client.list',
    path: 'programs',
    title: 'Programs',
    texts: { de: german },
    async content() {
      const { records } = running()
      const programs = await listPrograms({ records, appClients, catalog })
      const consents = (await records.list('Grant')).flatMap((grant) => {
        const consent = consentOf(grant)
        const anchor = consent && sessions.byId(consent.anchor)
        // An app's own sign-in is not a consent: it ends with the person's session.
        return consent && anchor?.kind === 'token' ? [{ ...consent, anchor, created: grant.created }] : []
      })
      const removable = programs.filter(({ kind }) => kind !== 'app').map(({ client_id }) => client_id)
      return [
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
        {
          kind: 'table',
          title: 'Consents',
          columns: ['Person', 'Program', 'Since', 'Until'],
          rows: consents.map(({ user, program, anchor, created }) => [
            { text: user, href: `/web/admin/people/${encodeURIComponent(user)}` },
            program,
            { time: Number(created) },
            { time: anchor.expires },
          ]),
          empty: 'Nobody has let a program in. A consent is a session too: the page "Sessions" ends one.',
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

const german = {
  Programs: 'Programme',
  Program: 'Programm',
  'Client ID': 'Kennung',
  'How it is known': 'Woher bekannt',
  People: 'Personen',
  Since: 'Seit',
  Until: 'Bis',
  Consents: 'Zustimmungen',
  'sign-in of an application': 'Anmeldung einer Anwendung',
  'registered itself': 'hat sich selbst angemeldet',
  'published its metadata': 'veröffentlicht seine Angaben',
  'No programs. People let them in when they start them.':
    'Keine Programme. Personen lassen sie ein, wenn sie sie starten.',
  'Nobody has let a program in. A consent is a session too: the page "Sessions" ends one.':
    'Niemand hat ein Programm eingelassen. Eine Zustimmung ist auch eine Sitzung: Die Seite „Sitzungen“ beendet sie.',
  'Remove a program': 'Ein Programm entfernen',
  'Remove the program': 'Das Programm entfernen',
  'Its tokens and connections end at once.': 'Seine Tokens und Verbindungen enden sofort.',
}
