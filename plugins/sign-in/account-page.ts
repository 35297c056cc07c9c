import { html, type Pages, type Session } from '@mezite/core'
import { icon } from './icon.ts'
import type { Texts } from './texts.ts'

type SessionKind = Session['kind']

/** A session as its person sees it, with the sessions that end with it. */
export interface ShownSession {
  readonly id: string
  readonly kind: SessionKind
  /** Name of the app, or browser and system, or the program; null if not known. */
  readonly name: string | null
  /** True for the sign-in of this browser. */
  readonly current: boolean
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly lastUsed: number
  readonly expires: number
  readonly from: string
  /** True if it came from the address of this request. */
  readonly sameAddress: boolean
  /** True if a requirement of an app was met in the session. */
  readonly confirmed: boolean
  /** Number of open connections. */
  readonly streams: number
  readonly below: readonly ShownSession[]
}

/** One role of the person and where it comes from. */
export interface ShownRole {
  readonly name: string
  /** The connector whose claims give the role; null for a role that an administrator gave. */
  readonly connector: string | null
}

export interface Account {
  readonly user: string
  readonly roles: readonly ShownRole[]
  readonly sections: readonly Parameters<Pages['render']>[0]['body'][]
  /** Sign-ins and logins of command lines, this browser's first. */
  readonly sessions: readonly ShownSession[]
  readonly now: number
}

/** "My account": what plugins add, such as passkeys, then sessions by device, and roles. */
export function accountBody(words: Texts['account'], { user, roles, sections, sessions, now }: Account) {
  const others = sessions.filter(({ current }) => !current)
  return html`<div class="stack">
    <div><h1>${words.title}</h1><p class="quiet">${user}</p></div>
    ${sections}
    <section class="card" id="sessions">
      <div class="row">
        <h2>${words.sessions}</h2>
        ${
          others.length > 0
            ? confirmed({
                label: words.endOthers,
                question: words.endOthersText(others.length),
                button: words.endOthersButton(others.length),
                action: '/web/sessions/end-others',
              })
            : null
        }
      </div>
      <p class="quiet small">${words.sessionsText}</p>
      <ul class="list">${sessions.map((session) => row(words, session, now))}</ul>
    </section>
    <section class="card">
      <h2>${words.roles}</h2>
      ${
        roles.length === 0
          ? html`<p class="quiet">${words.noRoles}</p>`
          : html`<ul class="list">
            ${roles.map(({ name, connector }) => html`<li><strong>${name}</strong><span class="quiet small">${connector === null ? words.byAdmin : words.byConnector(connector)}</span></li>`)}
          </ul>`
      }
    </section>
  </div>`
}

const iconOf = (kind: SessionKind, name: string) =>
  kind === 'app' ? 'apps' : kind === 'device' || (kind === 'hub' && name !== 'mezctl') ? 'device' : 'terminal'

function row(words: Texts['account'], session: ShownSession, now: number): unknown {
  const { id, kind, current, since, lastUsed, from, sameAddress, confirmed: met, streams, below } = session
  const name = session.name ?? words.unnamed[kind]
  return html`<li data-session=${id}>
    <div>
      <h3>${icon(iconOf(kind, name))} ${name}</h3>
      <p class="quiet">
        ${words.signedIn} ${instant(since)} · ${words.used(ago(words, now - lastUsed))}
        ${from === '' || kind === 'app' ? null : html` · ${words.from} <span>${from}</span>${sameAddress ? ` (${words.sameAddress})` : ''}`}
      </p>
      ${
        current || met || streams > 0
          ? html`<ul class="tags">
            ${current ? html`<li class="good">${words.thisBrowser}</li>` : null}
            ${met ? html`<li>${words.confirmed}</li>` : null}
            ${streams > 0 ? html`<li>${words.open(streams)}</li>` : null}
          </ul>`
          : null
      }
    </div>
    <div class="tools">${confirmed({
      label: words.end,
      describe: words.endNamed(name),
      question: current ? words.endCurrentText : words.endText(name, below.length),
      button: words.endNamed(name),
      action: '/web/sessions/end',
      id,
    })}</div>
    ${below.length > 0 ? html`<ul class="list">${below.map((one) => row(words, one, now))}</ul>` : null}
  </li>`
}

/** A destructive action that names its object before it happens; without script as well. */
function confirmed(ask: {
  readonly label: string
  readonly describe?: string
  readonly question: string
  readonly button: string
  readonly action: string
  readonly id?: string
}) {
  return html`<details class="confirm">
    <summary class="danger plain" aria-label=${ask.describe ?? ask.label}>${ask.label}</summary>
    <div>
      <p>${ask.question}</p>
      <form method="post" action=${ask.action}>
        ${ask.id === undefined ? null : html`<input type="hidden" name="id" value=${ask.id} />`}
        <button class="danger small">${ask.button}</button>
      </form>
    </div>
  </details>`
}

/** A point in time: UTC without script, local time with it. */
const instant = (at: number) => {
  const text = new Date(at).toISOString()
  return html`<time datetime=${text}>${`${text.slice(0, 16).replace('T', ' ')} UTC`}</time>`
}

function ago(words: Texts['account'], ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return words.justNow
  if (minutes < 60) return words.minutesAgo(minutes)
  return minutes < 48 * 60
    ? words.hoursAgo(Math.floor(minutes / 60))
    : words.daysAgo(Math.floor(minutes / 1_440))
}
