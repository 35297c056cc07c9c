import { drawings } from '@mezite/core/drawings'
import { Component, type ComponentChildren, type ComponentType } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Responses } from '../api-types.ts'
import { Glyph } from '../app-icon.tsx'
import { useResource } from '../live.ts'
import { ConnectionNotice, SignedOut } from '../states.tsx'
import { t } from '../text.ts'
import { Confirmation } from './confirmation.tsx'
import { Notices } from './dialogs.tsx'
import { keepFocus } from './kept-focus.ts'
import { Lacking } from './lacking.tsx'
import { mayOpen, openPages, rightsOf } from './navigation.ts'
import { Palette } from './palette.tsx'
import { pagesAt } from './rights.tsx'
import { BASE, place, to } from './router.ts'
import { a } from './text.ts'

type Page = ComponentType<{ readonly name: string }>

/** Each page by the first part of its path; loaded when it is opened. The last part is the name of one resource. */
const PAGES: Readonly<Record<string, () => Promise<Page>>> = {
  '': async () => (await import('./overview.tsx')).Overview,
  apps: async () => (await import('./apps.tsx')).Apps,
  agents: async () => (await import('./agents.tsx')).Agents,
  people: async () => (await import('./people.tsx')).People,
  roles: async () => (await import('./roles.tsx')).Roles,
  'sign-in': async () => (await import('./sign-in.tsx')).SignIn,
  locks: async () => (await import('./locks.tsx')).Locks,
  sessions: async () => (await import('./sessions.tsx')).Sessions,
  requests: async () => (await import('./requests.tsx')).Requests,
  tokens: async () => (await import('./tokens.tsx')).Tokens,
  cluster: async () => (await import('./cluster.tsx')).Cluster,
  plugins: async () => (await import('./plugin-parts.tsx')).PluginPage,
}

/** The frame of the administration: navigation beside the current page. */
export function App() {
  const { path } = place.value
  const [, first = '', ...rest] = path.split('/')
  const name = decode(rest.join('/'))
  useEffect(showCurrent, [first])
  const main = useRef<HTMLDivElement>(null)
  useEffect(() => keepFocus(main.current!), [])
  const opened = useRef(path)
  useEffect(() => {
    if (opened.current === path) return
    opened.current = path
    // The form that was saved and the dialog that was confirmed are gone, and with them what had the focus.
    if (document.activeElement === document.body) main.current?.focus({ preventScroll: true })
  }, [path])
  return (
    <div class="admin">
      <ConnectionNotice />
      <nav class="sidebar" aria-label={t('administration')}>
        <Palette />
        {openPages().map(([group, pages]) => (
          <div key={group ?? ''} class="nav-group">
            {group !== null && <p>{a(group)}</p>}
            {pages.map(([slug, title, glyph]) => (
              <a key={slug} href={`${BASE}/${slug}`} aria-current={slug === first ? 'page' : undefined}>
                <Glyph path={drawings[glyph]} />
                {a(title)}
              </a>
            ))}
          </div>
        ))}
        <PluginLinks current={first === 'plugins' ? name : null} />
      </nav>
      <div ref={main} id="admin-main" class="admin-main" tabIndex={-1}>
        <Guarded key={path}>
          <Lazy page={first} name={name} />
        </Guarded>
      </div>
      <Notices />
      <Confirmation />
      <SignedOut />
    </div>
  )
}

/** On a phone, the head and the navigation are rows that scroll: the entry of the current page is in sight. */
function showCurrent(): void {
  for (const row of document.querySelectorAll('header nav, .sidebar')) {
    const entry = row.querySelector('[aria-current]')?.getBoundingClientRect()
    if (!entry) continue
    const { left, width } = row.getBoundingClientRect()
    row.scrollLeft += entry.left - left - (width - entry.width) / 2
  }
}

/** Pages that plugins add. */
function PluginLinks({ current }: { readonly current: string | null }) {
  const { data = [] } = useResource<Responses['GET /dashboard/pages']>(
    `/dashboard/${pagesAt('dashboard.list')}`,
    ['role', 'user', 'grant', 'lock'],
  )
  useEffect(showCurrent, [current, data.length])
  if (data.length === 0) return null
  return (
    <div class="nav-group">
      <p>{a('plugins')}</p>
      {data.map(({ path, title }) => (
        <a key={path} href={to('plugins', path)} aria-current={path === current ? 'page' : undefined}>
          <Glyph path={drawings.plugin} />
          {title}
        </a>
      ))}
    </div>
  )
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function Lazy({ page, name }: { readonly page: string; readonly name: string }) {
  const [Found, setFound] = useState<Page | null | undefined>(undefined)
  useEffect(() => {
    let current = true
    const load = PAGES[page]
    Promise.resolve(load?.()).then((found) => current && setFound(() => found ?? null))
    return () => {
      current = false
    }
  }, [page])
  const rights = rightsOf(page)
  if (!mayOpen(rights)) return <Lacking rights={rights} />
  if (Found === undefined) return <p class="loading">{t('loading')}</p>
  if (Found !== null) return <Found name={name} />
  return (
    <section class="empty">
      <h1>{a('noPage')}</h1>
      <a class="button" href={BASE}>
        {a('overview')}
      </a>
    </section>
  )
}

/** A fault in one page leaves the navigation usable. */
class Guarded extends Component<{ readonly children: ComponentChildren }, { readonly failed: boolean }> {
  override state = { failed: false }

  override componentDidCatch(error: unknown): void {
    console.error(error)
    this.setState({ failed: true })
  }

  override render() {
    if (!this.state.failed) return this.props.children
    return (
      <section class="empty" role="alert">
        <h1>{a('pageFailed')}</h1>
        <button type="button" onClick={() => location.reload()}>
          {t('tryAgain')}
        </button>
      </section>
    )
  }
}
