import './style.css'
import './launcher.css'
import { drawings } from '@mezite/core/drawings'
import { searchFor } from '@mezite/core/search'
import { render } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Responses } from './api-types.ts'
import type { LauncherApp } from './app-card.tsx'
import { Groups } from './app-groups.tsx'
import { Glyph } from './app-icon.tsx'
import { connect, useResource } from './live.ts'
import { type Preferences, readPreferences, writePreferences } from './preferences.ts'
import { rememberApp } from './recents.ts'
import { ConnectionNotice, Failure, SignedOut } from './states.tsx'
import { loadTexts, t } from './text.ts'

interface View {
  readonly user: string
  readonly roles: readonly string[]
}

/** From this number of apps on, those that were opened recently are also listed first. */
const MANY = 9
/** From this number on, the view is compact unless the person chose another. */
const COMPACT = 60
function Launcher({ user }: View) {
  const [query, setQuery] = useState('')
  const { data, error } = useResource<readonly LauncherApp[]>('/me/apps?disabled=true&requestable=true', [
    'app',
    'agent',
    'lock',
    'role',
    'grant',
  ])
  const me = useResource<Responses['GET /me']>('/me', ['user', 'lock', 'role'])
  const found = useMemo(() => matching(data ?? [], query), [data, query])
  const [preferences, setPreferences] = useState(() => readPreferences(user))
  const prefer = (change: Partial<Preferences>) => {
    const next = { ...preferences, ...change }
    setPreferences(next)
    writePreferences(user, next)
  }
  const compact = preferences.compact ?? (data?.length ?? 0) >= COMPACT
  const openFirst = () => {
    const first = found.find(({ url, state }) => url?.startsWith('https://') && state !== 'disabled')
    if (query.trim() === '' || !first?.url) return
    rememberApp(user, first.name)
    location.assign(first.url)
  }
  if (!data)
    return (
      <>
        <div class="page-head">
          <h1>{t('applications')}</h1>
        </div>
        {error ? <Failure error={error} /> : <Waiting />}
      </>
    )
  const locked = me.data?.locked
  if (data.length === 0)
    return (
      <section class="empty">
        <h1>{locked ? t('locked') : t('noApps')}</h1>
        <p>{locked ? (locked.message ?? t('lockedHelp')) : t('noAppsHelp', { user })}</p>
      </section>
    )
  return (
    <>
      <div class="page-head">
        <h1>{t('applications')}</h1>
        {data.length >= MANY && (
          <button
            type="button"
            class="plain small"
            aria-pressed={compact}
            onClick={() => prefer({ compact: !compact })}
          >
            {t('compact')}
          </button>
        )}
        <SearchField value={query} onChange={setQuery} onEnter={openFirst} />
      </div>
      <p class="visually-hidden" role="status">
        {query === '' ? '' : t('found', { count: found.length })}
      </p>
      {found.length === 0 ? (
        <section class="empty">
          <p>{t('noMatch', { query })}</p>
          <button type="button" class="plain" onClick={() => setQuery('')}>
            {t('clearSearch')}
          </button>
        </section>
      ) : (
        <Groups
          apps={found.filter((app) => app.request_path === null)}
          requestable={found.filter((app) => app.request_path !== null)}
          user={user}
          isSearch={query.trim() !== ''}
          withRecents={query === '' && data.length >= MANY}
          preferences={{ ...preferences, compact }}
          prefer={prefer}
        />
      )}
    </>
  )
}

/** The apps that match, the best first; all in their order if nothing is wanted. Mistyped names match if no other does. */
function matching(apps: readonly LauncherApp[], query: string): readonly LauncherApp[] {
  if (query.trim() === '') return apps
  const search = searchFor(query)
  const ranked = (spelling: 'exact' | 'near') =>
    apps
      .map((app) => [search.rank(textsOf(app), spelling), app] as const)
      .filter(([rank]) => rank > 0)
      .sort(([one], [other]) => other - one)
      .map(([, app]) => app)
  const found = ranked('exact')
  return found.length > 0 ? found : ranked('near')
}

const textsOf = (app: LauncherApp): readonly string[] => [
  ...[app.display_name, app.name, app.description ?? '', app.group ?? ''],
  ...Object.entries(app.labels).map(([key, value]) => `${key}=${value}`),
]

function SearchField(props: { readonly value: string; onChange(value: string): void; onEnter(): void }) {
  const { value, onChange, onEnter } = props
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, textarea, select')
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      field.current?.focus()
      field.current?.select()
    }
    document.addEventListener('keydown', focus)
    return () => document.removeEventListener('keydown', focus)
  }, [])
  return (
    <search class="search">
      <Glyph path={drawings.search} />
      <input
        ref={field}
        type="search"
        value={value}
        aria-label={t('search')}
        aria-keyshortcuts="/"
        placeholder={t('search')}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onChange(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onChange('')
          if (event.key === 'Enter') onEnter()
        }}
      />
      <kbd title={t('searchHint')}>/</kbd>
    </search>
  )
}

function Waiting() {
  return (
    <div aria-busy="true">
      <p class="visually-hidden" role="status">
        {t('loading')}
      </p>
      <ul class="cards" aria-hidden="true">
        {Array.from({ length: 6 }, (_, index) => (
          <li key={index} class="card app placeholder" />
        ))}
      </ul>
    </div>
  )
}

const place = document.querySelector<HTMLElement>('#launcher')
if (place) {
  await loadTexts()
  connect()
  const view = JSON.parse(place.dataset.view ?? '{}') as View
  render(
    <>
      <ConnectionNotice />
      <Launcher {...view} />
      <SignedOut />
    </>,
    place,
  )
}
