import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { LocalListing } from './local-listing.tsx'
import { Badges, Section, Shown, Time } from './parts.tsx'
import { to } from './router.ts'
import { a } from './text.ts'

type Who = Responses['GET /access/who'][number]
type What = Responses['GET /access/what'][number]
type Reason = Pick<Who, 'roles' | 'requirements' | 'until'>

/** What changes the lists. A sign-in does not, as far as the person had signed in before. */
const KINDS = ['app', 'role', 'lock', 'grant', 'bot']
/** Rows before the rest is asked for. */
const FIRST_ROWS = 10

/** Who may open an app: people and programs, with the roles that let them in. */
export const WhoMayOpen = ({ app }: { readonly app: string }) => (
  <AccessList<Who>
    title={a('whoMayOpen')}
    file={`who-${app}.csv`}
    path={`/access/who?app=${encodeURIComponent(app)}`}
    first={a('person')}
    nameOf={({ user }) => user}
    titleOf={({ user, display_name }) => display_name ?? user}
    href={({ user, bot }) => (bot ? null : to('people', user))}
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
    titleOf={({ display_name }) => display_name}
    href={({ app }) => to('apps', app)}
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
  titleOf(row: T): string
  /** Null: there is no page. */
  href(row: T): string | null
  sentence(all: readonly T[]): string
  readonly none: string
}) {
  const { title, file, path, first, nameOf, titleOf, href, sentence, none } = props
  const found = useResource<readonly T[]>(path, KINDS)
  return (
    <Section title={title}>
      <Shown of={found}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="quiet">{none}</p>
          ) : (
            <>
              <p>
                {sentence(rows)} <Badges few names={countsOf(rows)} />
              </p>
              <LocalListing<T>
                label={title}
                file={file}
                rows={rows}
                keyOf={nameOf}
                first={FIRST_ROWS}
                columns={[
                  {
                    title: first,
                    narrow: 'first',
                    // Both are searched.
                    value: (row) => [...new Set([titleOf(row), nameOf(row)])].join(' '),
                    cell: (row) => <Named name={nameOf(row)} title={titleOf(row)} href={href(row)} />,
                  },
                  {
                    title: a('roles'),
                    narrow: 'second',
                    value: ({ roles }) => roles.join(' '),
                    cell: ({ roles }) => <Badges few names={roles} href={(role) => to('roles', role)} />,
                  },
                  {
                    title: a('firstNeeds'),
                    value: ({ requirements }) => requirements.join(' '),
                    cell: ({ requirements }) => requirements.join(', ') || '–',
                  },
                  {
                    title: a('ends'),
                    narrow: 'corner',
                    value: ({ until }) => until ?? '',
                    cell: ({ until }) => <Time at={until} />,
                  },
                ]}
                empty={null}
              />
            </>
          )
        }
      </Shown>
    </Section>
  )
}

const Named = ({
  name,
  title,
  href,
}: {
  readonly name: string
  readonly title: string
  readonly href: string | null
}) => (
  <>
    {href === null ? <span>{title}</span> : <a href={href}>{title}</a>}{' '}
    {title !== name && <span class="quiet">{name}</span>}
  </>
)

/** How many each role lets in, the most first: `platform 120`. */
function countsOf(rows: readonly Reason[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { roles } of rows) for (const role of roles) counts.set(role, (counts.get(role) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one).map(([role, count]) => `${role} ${count}`)
}
