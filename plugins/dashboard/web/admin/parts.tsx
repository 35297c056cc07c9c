import type { ComponentChildren } from 'preact'
import { CopyButton } from '../copy-button.tsx'
import type { Loaded } from '../live.ts'
import { Failure } from '../states.tsx'
import { formatNumber, language, t } from '../text.ts'
import { DocsLink } from './docs-link.tsx'
import { a } from './text.ts'

export { type Column, Table } from './table.tsx'

interface Children {
  readonly children?: ComponentChildren
}

/** The head of a page: where it is, its title, what it is for, its first actions, and the others in a menu. */
export function PageHead(
  props: Children & {
    readonly title: string
    readonly help?: string
    readonly back?: readonly [string, string]
    readonly icon?: ComponentChildren
    readonly menu?: ComponentChildren
  },
) {
  const { title, help, back, icon, menu, children } = props
  return (
    <div class="page-head">
      <div>
        {back && (
          <a class="back" href={back[0]}>
            ‹ {back[1]}
          </a>
        )}
        <h1 class={icon ? 'with-icon' : undefined}>
          {icon}
          {title}
        </h1>
        {help && <p class="quiet">{help}</p>}
      </div>
      <div class="tools">
        <DocsLink />
        {children}
        {menu && (
          <details class="menu">
            <summary class="button plain" aria-label={a('moreActions')}>
              ⋯
            </summary>
            <div class="menu-body">{menu}</div>
          </details>
        )}
      </div>
    </div>
  )
}

/** Shows a loaded document, or that it is being loaded or could not be. */
export function Shown<T>(props: { readonly of: Loaded<T>; children(data: T): ComponentChildren }) {
  const { data, error } = props.of
  if (data !== undefined)
    return (
      <>
        {error && (
          <p class="notice warn">
            {t('loadFailed')}: {error.message}
          </p>
        )}
        {props.children(data)}
      </>
    )
  return error ? <Failure error={error} /> : <p class="loading">{t('loading')}</p>
}

const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' })
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** How long ago or ahead a time is; the title has the local time and UTC. */
export function Time({ at }: { readonly at: string | null }) {
  if (at === null) return <span class="quiet">–</span>
  const date = new Date(at)
  const seconds = (date.getTime() - Date.now()) / 1_000
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1]
  return (
    <time dateTime={at} title={`${date.toLocaleString(language)} (${date.toISOString()})`}>
      {relative.format(Math.round(seconds / size), unit)}
    </time>
  )
}

const dayAndTime = new Intl.DateTimeFormat(language, {
  ...({ year: '2-digit', month: 'numeric', day: 'numeric' } as const),
  ...({ hour: 'numeric', minute: '2-digit', second: '2-digit' } as const),
})

/** A local time to the second, for logs. */
export function Moment({ at }: { readonly at: string }) {
  const date = new Date(at)
  const isToday = date.toDateString() === new Date().toDateString()
  const text = isToday ? date.toLocaleTimeString(language) : dayAndTime.format(date)
  return (
    <time dateTime={at} title={`${date.toLocaleString(language)} (${date.toISOString()})`}>
      {text}
    </time>
  )
}

/** An id or command with a button that copies it. */
export function Copyable({ text, short }: { readonly text: string; readonly short?: boolean }) {
  return (
    <span class="copyable">
      <code title={text}>{short && text.length > 9 ? `…${text.slice(-8)}` : text}</code>
      <CopyButton text={text} label={`${t('copy')}: ${text}`} />
    </span>
  )
}

const TONES: Readonly<Record<string, string>> = {
  ready: 'good',
  connected: 'good',
  allow: 'good',
  ok: 'good',
  disabled: '',
  none: '',
  unreachable: 'bad',
  deny: 'bad',
  fail: 'bad',
  no_agent: 'warn',
  disconnected: 'warn',
  require: 'warn',
  warn: 'warn',
}

/** A state in words and colour. */
export const State = ({ of, text }: { readonly of: string; readonly text?: string }) => (
  <span class={`tag state ${TONES[of] ?? ''}`}>{text ?? of}</span>
)

/** Chips of one row. */
const FEW = 3

/** Names as tags, each a link if `href` gives one. `few`: one line, which counts those that it leaves out. */
export function Badges(props: {
  readonly names: readonly string[]
  href?(name: string): string
  readonly few?: boolean
}) {
  const { names, href, few } = props
  if (names.length === 0) return <span class="quiet">–</span>
  const shown = few && names.length > FEW ? names.slice(0, FEW - 1) : names
  const rest = names.slice(shown.length)
  return (
    <span class={few ? 'tags few' : 'tags'}>
      {shown.map((name) =>
        href ? (
          <a key={name} class="tag" href={href(name)}>
            {name}
          </a>
        ) : (
          <span key={name} class="tag">
            {name}
          </span>
        ),
      )}
      {rest.length > 0 && (
        <span class="rest" title={rest.join(', ')}>
          +{formatNumber(rest.length)}
        </span>
      )}
    </span>
  )
}

/** Facts as pairs of a term and its value. */
export function Facts({ rows }: { readonly rows: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {rows.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{typeof value === 'number' ? formatNumber(value) : (value ?? '–')}</dd>
        </div>
      ))}
    </dl>
  )
}

/** A part of a page with its heading. */
export function Section({
  title,
  children,
  tools,
}: Children & { readonly title: string; readonly tools?: ComponentChildren }) {
  return (
    <section class="part">
      <div class="part-head">
        <h2>{title}</h2>
        {tools}
      </div>
      {children}
    </section>
  )
}

/** A number of bytes with its unit. */
export function formatBytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), units.length - 1)
  return `${formatNumber(count / 1_000 ** power)} ${units[power]}`
}

/** What a page says whose resource does not exist, or does no longer. */
export const Gone = () => (
  <section class="empty">
    <h1>{a('gone')}</h1>
  </section>
)

/** Text that nobody wrote: an empty list explains itself. */
export const Nothing = ({
  title,
  help,
  children,
}: Children & { readonly title: string; readonly help?: string }) => (
  <>
    <h2>{title}</h2>
    {help && <p class="quiet">{help}</p>}
    {children}
  </>
)

/** Says that somebody else saved meanwhile, and asks whose version to keep. Nothing can be saved before that. */
export function ConflictNotice(props: {
  readonly text: string
  /** What they saved. */
  readonly theirs?: string
  onTake(): void
  onKeep(): void
}) {
  return (
    <div class="notice warn" role="alert">
      <p>{props.text}</p>
      <div class="actions">
        <button type="button" class="plain small" onClick={props.onTake}>
          {a('takeTheirs')}
        </button>
        <button type="button" class="plain small" onClick={props.onKeep}>
          {a('keepMine')}
        </button>
      </div>
      {props.theirs === undefined ? null : <pre>{props.theirs}</pre>}
    </div>
  )
}
