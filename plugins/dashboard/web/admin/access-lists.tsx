import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { TextField } from './fields.tsx'
import { Badges, Nothing, Section, Shown, Table, Time } from './parts.tsx'
import { to } from './router.ts'
import { a } from './text.ts'

type Who = Responses['GET /access/who'][number]
type What = Responses['GET /access/what'][number]
type Reason = Pick<Who, 'roles' | 'requirements' | 'until'>

/** What changes the lists. A sign-in does not, as far as the person had signed in before. */
const KINDS = ['app', 'role', 'lock', 'grant', 'bot']
/** Rows before the rest is asked for. */
const FIRST_ROWS = 20

/** Who may open an app: people and programs, with the roles that let them in. */
export const WhoMayOpen = ({ app }: { readonly app: string }) => (
  <AccessList<Who>
    title={a('whoMayOpen')}
    file={`who-${app}.csv`}
    path={`/access/who?app=${encodeURIComponent(app)}`}
    first={a('person')}
    nameOf={({ user }) => user}
    link={({ user, bot }) => (bot ? user : <a href={to('people', user)}>{user}</a>)}
    sentence={(all) => a('mayOpen', { count: all.length })}
    none={a('nobodyMayOpen')}
  />
)

/** What a person may open. */
export const WhatMayOpen = ({ user }: { readonly user: string }) => (
  <AccessList<What>
    title={a('whatMayOpen')}
    file={`what-${user}.csv`}
    path={`/access/what?user=${encodeURIComponent(user)}`}
    first={a('app')}
    nameOf={({ app }) => app}
    link={({ app }) => <a href={to('apps', app)}>{app}</a>}
    sentence={(all) => a('opensApps', { count: all.length })}
    none={a('opensNone')}
  />
)

function AccessList<T extends Reason>(props: {
  readonly title: string
  readonly file: string
  readonly path: string
  readonly first: string
  nameOf(row: T): string
  link(row: T): ComponentChildren
  sentence(all: readonly T[]): string
  readonly none: string
}) {
  const { title, file, path, first, nameOf, link, sentence, none } = props
  const found = useResource<readonly T[]>(path, KINDS)
  const [query, setQuery] = useState('')
  const [all, setAll] = useState(false)
  const wanted = query.trim().toLowerCase()
  return (
    <Section title={title}>
      <Shown of={found}>
        {(rows) => {
          if (rows.length === 0) return <p class="quiet">{none}</p>
          const matching = rows.filter((row) =>
            [nameOf(row), ...row.roles].join(' ').toLowerCase().includes(wanted),
          )
          const shown = all ? matching : matching.slice(0, FIRST_ROWS)
          return (
            <>
              <p>
                {sentence(rows)}{' '}
                <a href={csvOf(rows, nameOf)} download={file}>
                  CSV
                </a>
              </p>
              <p>
                <Badges names={countsOf(rows)} />
              </p>
              {rows.length > FIRST_ROWS && (
                <div class="filters">
                  <TextField label={a('filter')} value={query} onChange={setQuery} />
                </div>
              )}
              <Table<T>
                label={title}
                rows={shown}
                keyOf={nameOf}
                columns={[
                  { title: first, cell: link },
                  {
                    title: a('roles'),
                    cell: ({ roles }) => <Badges names={roles} href={(role) => to('roles', role)} />,
                  },
                  { title: a('firstNeeds'), cell: ({ requirements }) => requirements.join(', ') || '–' },
                  { title: a('ends'), cell: ({ until }) => <Time at={until} /> },
                ]}
                empty={<Nothing title={a('nothingFound')} />}
              />
              {shown.length < matching.length && (
                <button type="button" class="plain more-button" onClick={() => setAll(true)}>
                  {a('andMore', { count: matching.length - shown.length })}
                </button>
              )}
            </>
          )
        }}
      </Shown>
    </Section>
  )
}

/** How many each role lets in, the most first: `platform 120`. */
function countsOf(rows: readonly Reason[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { roles } of rows) for (const role of roles) counts.set(role, (counts.get(role) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one).map(([role, count]) => `${role} ${count}`)
}

/** The rows as a file (RFC 4180) that spreadsheets take for no formula. */
function csvOf<T extends Reason>(rows: readonly T[], nameOf: (row: T) => string): string {
  const cell = (text: string) => {
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  const lines = rows.map((row) => [
    nameOf(row),
    row.roles.join(' '),
    row.requirements.join(' '),
    row.until ?? '',
  ])
  const text = [['name', 'roles', 'requirements', 'until'], ...lines]
    .map((line) => line.map(cell).join(','))
    .join('\r\n')
  return `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`
}
