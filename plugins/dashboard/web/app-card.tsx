import { drawings } from '@mezite/core/drawings'
import type { Responses } from './api-types.ts'
import { AppIcon, Glyph } from './app-icon.tsx'
import { CopyButton } from './copy-button.tsx'
import { rememberApp } from './recents.ts'
import { t } from './text.ts'

/** An app as `GET /v1/webapi/me/apps` lists it. */
export type LauncherApp = Responses['GET /me/apps'][number]

/** One card of the launcher. */
export function AppCard(props: {
  readonly app: LauncherApp
  readonly user: string
  readonly isFavourite: boolean
  onFavour(): void
  /** In the person's own order: how the card is moved, by keys or by dragging another one here. */
  readonly onMove?: { by(step: 1 | -1): void; here(dragged: string): void } | undefined
}) {
  const { app, user, isFavourite, onFavour, onMove } = props
  const { name, display_name: title, description, url, state, requirements, request_path: asking } = app
  const command = `msh app login ${name}`
  return (
    <li
      class={`card app ${state}`}
      draggable={onMove !== undefined}
      onDragStart={(event) => onMove && event.dataTransfer?.setData(DRAGGED, name)}
      onDragOver={(event) => onMove && event.dataTransfer?.types.includes(DRAGGED) && event.preventDefault()}
      onDrop={(event) => {
        const dragged = event.dataTransfer?.getData(DRAGGED)
        if (!onMove || !dragged) return
        event.preventDefault()
        onMove.here(dragged)
      }}
      onKeyDown={(event) => {
        const step = ({ ArrowLeft: -1, ArrowRight: 1 } as const)[event.key]
        if (!onMove || !event.altKey || step === undefined) return
        event.preventDefault()
        onMove.by(step)
      }}
    >
      <AppIcon name={title} icon={app.icon} />
      <div class="app-text">
        <h3>
          {asking !== null ? (
            <a href={asking} aria-label={t('askForAccess', { name: title })}>
              {title}
            </a>
          ) : isWeb(url) && state !== 'disabled' ? (
            <a href={url} rel="noreferrer" onClick={() => rememberApp(user, name)}>
              {title}
            </a>
          ) : (
            title
          )}
        </h3>
        {description !== null && <p class="quiet clamp">{description}</p>}
        {asking !== null && (
          <p class="notes">
            <span class="tag">{t('ask')}</span>
          </p>
        )}
        {asking === null && <AppNotes state={state} asksForPasskey={requirements.includes('session-mfa')} />}
        {asking === null && url === null && state !== 'disabled' && (
          <div class="command">
            <code>{command}</code>
            <CopyButton text={command} label={t('copyCommand', { name: title })} />
          </div>
        )}
      </div>
      {asking === null && (
        <button
          type="button"
          class="icon-button favour"
          aria-pressed={isFavourite}
          aria-label={t('favour', { name: title })}
          title={onMove ? t('favourOrder') : undefined}
          onClick={onFavour}
        >
          <Glyph path={STAR} />
        </button>
      )}
    </li>
  )
}

const DRAGGED = 'application/x-mezite-app'
const STAR = 'M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9-4.3-4.1 5.9-.8z'

/** The hub builds these URLs; anything else than a web address is not a link. */
const isWeb = (url: string | null): url is string => url?.startsWith('https://') ?? false

function AppNotes({ state, asksForPasskey }: { readonly state: string; readonly asksForPasskey: boolean }) {
  if (state === 'ready' && !asksForPasskey) return null
  return (
    <p class="notes">
      {state === 'unreachable' && <span class="tag warn">{t('notResponding')}</span>}
      {state === 'disabled' && <span class="tag">{t('switchedOff')}</span>}
      {asksForPasskey && (
        <span class="tag" title={t('asksForPasskey')}>
          <Glyph path={drawings.key} />
          {t('passkey')}
        </span>
      )}
    </p>
  )
}
