import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { AppCard, type LauncherApp } from './app-card.tsx'
import { moved, type Preferences, toggled } from './preferences.ts'
import { recentApps } from './recents.ts'
import { t } from './text.ts'

/** From this number on, apps that a person can ask for are folded. */
const FEW = 12
/** In the folded groups: the person has unfolded these. */
const REQUESTABLE = '+requestable'
/** Cards that are rendered at once; more follow as the person scrolls. */
const BATCH = 120

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

/** Favourites, recent apps and groups, or hits as one list; then those that a person can ask for. */
export function Groups(props: {
  readonly apps: readonly LauncherApp[]
  readonly requestable: readonly LauncherApp[]
  readonly user: string
  /** Hits are one list, the best first. */
  readonly isSearch: boolean
  readonly withRecents: boolean
  readonly preferences: Preferences & { readonly compact: boolean }
  prefer(change: Partial<Preferences>): void
}) {
  const { apps, requestable, user, isSearch, withRecents, preferences, prefer } = props
  const { favourites, folded, compact } = preferences
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
  const groups = useMemo(() => (isSearch ? [[null, apps] as const] : grouped(apps)), [apps, isSearch])
  const favoured = favourites.flatMap((name) => apps.find((app) => app.name === name) ?? [])
  const common = {
    ...{ user, favourites, compact },
    onFavour: (name: string) => prefer({ favourites: toggled(favourites, name) }),
  }
  const foldable = (title: string) => ({
    folded: folded.includes(title),
    onFold: () => prefer({ folded: toggled(folded, title) }),
  })
  let left = shown
  return (
    <>
      {!isSearch && favoured.length > 0 && (
        <Group
          {...common}
          title={t('favourites')}
          apps={favoured}
          onMove={(name, to) => prefer({ favourites: moved(favourites, name, to) })}
        />
      )}
      {recent.length > 0 && <Group {...common} title={t('recent')} apps={recent} />}
      {groups.map(([group, list]) => {
        const part = list.slice(0, Math.max(left, 0))
        left -= list.length
        const title = group ?? (groups.length > 1 ? t('otherApps') : recent.length > 0 ? t('allApps') : null)
        const fold = title !== null && groups.length > 1 ? foldable(title) : {}
        return part.length > 0 && <Group {...common} {...fold} key={group} title={title} apps={part} />
      })}
      {more && <div ref={end} class="more" />}
      {!more && requestable.length > 0 && (
        <Group
          {...common}
          title={t('requestable')}
          apps={requestable}
          folded={!isSearch && requestable.length > FEW && !folded.includes(REQUESTABLE)}
          onFold={() => prefer({ folded: toggled(folded, REQUESTABLE) })}
        />
      )}
    </>
  )
}

interface GroupProps {
  readonly title: string | null
  readonly apps: readonly LauncherApp[]
  readonly user: string
  readonly favourites: readonly string[]
  readonly compact: boolean
  onFavour(name: string): void
  /** Absent: the group does not fold. */
  readonly folded?: boolean
  readonly onFold?: () => void
  /** Puts one app at the place of another; absent: the order is not the person's. */
  readonly onMove?: (name: string, to: string) => void
}

function Group(props: GroupProps) {
  const { title, apps, user, favourites, compact, onFavour, folded = false, onFold, onMove } = props
  const name = title ?? t('applications')
  return (
    <section class="app-group" aria-label={name}>
      <h2 class={title === null ? 'visually-hidden' : undefined}>
        {onFold ? (
          <button type="button" class="fold" aria-expanded={!folded} onClick={onFold}>
            {name} <span class="quiet">{apps.length}</span>
          </button>
        ) : (
          name
        )}
      </h2>
      {!folded && (
        <ul class={compact ? 'cards compact' : 'cards'}>
          {apps.map((app, at) => (
            <AppCard
              key={app.name}
              app={app}
              user={user}
              isFavourite={favourites.includes(app.name)}
              onFavour={() => onFavour(app.name)}
              onMove={
                onMove && {
                  by: (step) => apps[at + step] && onMove(app.name, apps[at + step]!.name),
                  here: (dragged) => onMove(dragged, app.name),
                }
              }
            />
          ))}
        </ul>
      )}
    </section>
  )
}
