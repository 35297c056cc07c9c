import './style.css'
import './launcher.css'
import { drawings } from '@mezite/core/drawings'
import { render } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Responses } from './api-types.ts'
import { AppCard, type LauncherApp } from './app-card.tsx'
import { Glyph } from './app-icon.tsx'
import { connect, useResource } from './live.ts'
import { recentApps } from './recents.ts'
import { ConnectionNotice, Failure, SignedOut } from './states.tsx'
import { loadTexts, t } from './text.ts'

interface View {
  readonly user: string
  readonly roles: readonly string[]
}

/** From this number of apps on, those that were opened recently are also listed first. */
const MANY = 9
/** Cards that are rendered at once; more follow as the person scrolls. */
const BATCH = 120

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
        <SearchField value={query} onChange={setQuery} />
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
          withRecents={query === '' && data.length >= MANY}
        />
      )}
    </>
  )
}

function matching(apps: readonly LauncherApp[], query: string): readonly LauncherApp[] {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return apps
  return apps.filter((app) => {
    const text = [app.name, app.display_name, app.description, app.group, ...Object.values(app.labels)]
      .join(' ')
      .toLocaleLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** Apps by group, those without one last. */
function grouped(
  apps: readonly LauncherApp[],
): readonly (readonly [string | null, readonly LauncherApp[]])[] {
  const groups = new Map<string | null, LauncherApp[]>()
  for (const app of apps) groups.set(app.group, [...(groups.get(app.group) ?? []), app])
  const name = (a: LauncherApp) => a.display_name
  for (const list of groups.values()) list.sort((a, b) => name(a).localeCompare(name(b)))
  return [...groups].sort(([a], [b]) => (a === null ? 1 : b === null ? -1 : a.localeCompare(b)))
}

function Groups(props: {
  readonly apps: readonly LauncherApp[]
  readonly requestable: readonly LauncherApp[]
  readonly user: string
  readonly withRecents: boolean
}) {
  const { apps, requestable, user, withRecents } = props
  const [shown, setShown] = useState(BATCH)
  const end = useRef<HTMLDivElement>(null)
  const more = apps.length > shown
  useEffect(() => {
    if (!end.current || !more) return
    const watch = new IntersectionObserver(
      (seen) => seen.some(({ isIntersecting }) => isIntersecting) && setShown((count) => count + BATCH),
      { rootMargin: '800px' },
    )
    watch.observe(end.current)
    return () => watch.disconnect()
  }, [more, shown])
  const recent = withRecents
    ? recentApps(user).flatMap(
        (name) => apps.find((app) => app.name === name && app.state !== 'disabled') ?? [],
      )
    : []
  const groups = useMemo(() => grouped(apps), [apps])
  let left = shown
  return (
    <>
      {recent.length > 0 && <Group title={t('recent')} apps={recent} user={user} />}
      {groups.map(([group, list]) => {
        const part = list.slice(0, Math.max(left, 0))
        left -= list.length
        const title = group ?? (groups.length > 1 ? t('otherApps') : recent.length > 0 ? t('allApps') : null)
        return part.length > 0 && <Group key={group} title={title} apps={part} user={user} />
      })}
      {more && <div ref={end} class="more" />}
      {!more && requestable.length > 0 && <Group title={t('requestable')} apps={requestable} user={user} />}
    </>
  )
}

function Group(props: {
  readonly title: string | null
  readonly apps: readonly LauncherApp[]
  readonly user: string
}) {
  const { title, apps, user } = props
  return (
    <section class="app-group" aria-label={title ?? t('applications')}>
      <h2 class={title === null ? 'visually-hidden' : undefined}>{title ?? t('applications')}</h2>
      <ul class="cards">
        {apps.map((app) => (
          <AppCard key={app.name} app={app} user={user} />
        ))}
      </ul>
    </section>
  )
}

function SearchField({ value, onChange }: { readonly value: string; onChange(value: string): void }) {
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
