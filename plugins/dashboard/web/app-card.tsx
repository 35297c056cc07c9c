import { drawings } from '@mezite/core/drawings'
import type { Responses } from './api-types.ts'
import { AppIcon, Glyph } from './app-icon.tsx'
import { CopyButton } from './copy-button.tsx'
import { rememberApp } from './recents.ts'
import { t } from './text.ts'

/** An app as `GET /v1/webapi/me/apps` lists it. */
export type LauncherApp = Responses['GET /me/apps'][number]

/** One card of the launcher. */
export function AppCard({ app, user }: { readonly app: LauncherApp; readonly user: string }) {
  const { name, display_name: title, description, url, state, requirements, request_path: asking } = app
  const command = `msh app login ${name}`
  return (
    <li class={`card app ${state}`}>
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
    </li>
  )
}

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
