import { html } from '../../pages/html.ts'

/** A session as its person sees it. */
export interface ShownSession {
  readonly id: string
  readonly title: string
  /** True for the session of this browser and the sessions that end with it. */
  readonly current: boolean
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly lastUsed: number
  readonly from: string
  /** True if a requirement of an app was met in the session. */
  readonly confirmed: boolean
  /** Number of open connections. */
  readonly streams: number
}

/** The list of `/web/sessions`, with an "End" button for each session. */
export function sessionsBody(
  user: string,
  sessions: readonly ShownSession[],
  now: number,
  links: readonly { readonly title: string; readonly href: string }[],
) {
  const others = sessions.some(({ current }) => !current)
  return html`<div class="card">
    <h1>Your sessions</h1>
    <p class="quiet">${user}. Ending a session also cuts its open connections: downloads, live pages, terminals.</p>
    <ul class="list">${sessions.map((session) => row(session, now))}</ul>
    <div class="actions">
      ${
        others
          ? html`<form method="post" action="/web/sessions/end-others"><button class="danger">End all other sessions</button></form>`
          : null
      }
      ${links.map(({ title, href }) => html`<a class="button plain" href=${href}>${title}</a>`)}
      <a class="button plain" href="/">Your applications</a>
    </div>
  </div>`
}

function row(session: ShownSession, now: number) {
  const { id, title, current, since, lastUsed, from, confirmed, streams } = session
  return html`<li data-session=${id}>
    <div>
      <strong>${title}</strong>
      <p class="quiet">since ${minute(since)}, last used ${ago(now - lastUsed)}${from === '' ? '' : `, from ${from}`}</p>
      ${
        current || confirmed || streams > 0
          ? html`<ul class="tags">
            ${current ? html`<li>this browser</li>` : null}
            ${confirmed ? html`<li>confirmed</li>` : null}
            ${streams > 0 ? html`<li>${streams === 1 ? '1 open connection' : `${streams} open connections`}</li>` : null}
          </ul>`
          : null
      }
    </div>
    <form class="tools" method="post" action="/web/sessions/end">
      <input type="hidden" name="id" value=${id} />
      <button class="plain" aria-label=${`End ${title}, used ${ago(now - lastUsed)}`}>End</button>
    </form>
  </li>`
}

const minute = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`

function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1_440)} days ago`
}
