import { pageElsewhere } from '../../api/page-lines.ts'
import { html, type Pages } from '../../api/pages.ts'
import type { ConnectionInfo, RequestHead } from '../../api/protocol.ts'
import { appsDomainOf, type PublicNames } from '../../api/web-routes.ts'
import type { Clock } from '../../kernel/clock.ts'
import { parseHost } from './host.ts'
import type { HostRoute } from './host-router.ts'
import { type HubResponse, valuesOf } from './refusal.ts'

export const RESET_PATH = '/.mezite/reset'

/** Head of a request while a browser removes its cookies, for how long, and how many connections at once. */
const RESCUE_BYTES = 1024 * 1024
const RESCUE_MS = 120_000
const MOST_OPEN = 16
const MOST_EXPECTED = 1_000
/** The size of a response head that browsers accept, minus a margin. */
const MOST_RESPONSE_BYTES = 128 * 1024
/** Cookie names that are valid in `Set-Cookie` (RFC 6265 section 4.1.1). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/
/** The hub's own cookies are small, and deleting them would sign the person out. */
const OURS = /^__Host-mezite/i

/**
 * A sibling app can set so many cookies that every request to another host of the domain is too large, including the one
 * that would delete them. A browser that was just rejected for this may therefore send a larger head on its next
 * connections.
 */
export class CookieRescue {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #expected = new Map<string, number>()
  #open = 0

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Call it when this client has been rejected. */
  expect(info: ConnectionInfo): void {
    const [oldest] = this.#expected.keys()
    if (this.#expected.size >= MOST_EXPECTED && oldest !== undefined) this.#expected.delete(oldest)
    this.#expected.set(keyOf(info), this.#clock.monotonic() + RESCUE_MS)
  }

  /**
   * The raised head limit of this connection in bytes, or null for the usual one. Unless null, call `closed` at its
   * end.
   */
  opened(info: ConnectionInfo): number | null {
    if (this.#expected.size === 0 || this.#open >= MOST_OPEN) return null
    if ((this.#expected.get(keyOf(info)) ?? Number.NEGATIVE_INFINITY) <= this.#clock.monotonic()) return null
    this.#open++
    return RESCUE_BYTES
  }

  closed(): void {
    this.#open--
  }
}

type AppsDomains = Pick<PublicNames, 'appsDomains'>

/** The response if the request is a cookie reset on a served host, or if its head is too large. */
export function resetOf(
  route: HostRoute,
  head: RequestHead,
  info: ConnectionInfo,
  pages: Pages,
  names: AppsDomains,
): HubResponse | undefined {
  if (info.certified !== undefined || (route.kind === 'refused' && route.problem.status !== 431))
    return undefined
  return resetResponse(head, pages, names)
}

/**
 * The response to `POST /.mezite/reset`, served on every host for a head of any size: expires each received cookie by
 * name, on this host and the domains above it up to the apps' domain. Cookies of the domains above belong to other systems.
 * Only a click in this host's own page may request it (`Sec-Fetch-User`, W3C Fetch Metadata section 2.4), and the hub's
 * own cookies stay, so an app cannot sign people out. Undefined if the request is not for the reset.
 */
export function resetResponse(
  { method, url, rawHeaders }: RequestHead,
  pages: Pages,
  names: AppsDomains,
): HubResponse | undefined {
  if (method !== 'POST' || url !== RESET_PATH) return undefined
  const value = (name: string): string | undefined => valuesOf(rawHeaders, name)[0]
  const named = parseHost(value('host') ?? '')
  if (typeof named === 'string') return tooLargeResponse(pages)
  const { host, port } = named
  const origin = value('origin')
  const own =
    origin === `https://${host}${port === null ? '' : `:${port}`}` ||
    (origin === 'null' && value('sec-fetch-site') === 'same-origin')
  const document = value('sec-fetch-dest') ?? 'document'
  const clicked = value('sec-fetch-mode') === 'navigate' && value('sec-fetch-user') === '?1'
  if (!own || !clicked || document !== 'document') return tooLargeResponse(pages)
  const title = 'The cookies are deleted'
  const body = html`<div class="card">
    <h1>${title}</h1>
    <p>Close other windows of this domain before you continue, or they may set the cookies again.</p>
    <p>If requests are still too large, delete the cookies of the whole domain in the settings of your browser.</p>
    <div class="actions"><a class="button" href="/">Open the application</a></div>
  </div>`
  const response = pageElsewhere(pages, { title, body })
  return {
    kind: 'response',
    status: 200,
    ...response,
    lines: [...response.lines, ...expiries(rawHeaders, host, names)],
  }
}

/** 431 with a button that deletes the cookies. */
export function tooLargeResponse(pages: Pages): HubResponse {
  const title = 'The request is too large'
  const body = html`<div class="card">
    <h1>${title}</h1>
    <p>This site has stored so many cookies in your browser that its requests can no longer be read.</p>
    <p>Delete them to continue. Applications of this domain may ask you to sign in again.</p>
    <div class="actions">
      <form method="post" action=${RESET_PATH}><button>Delete the cookies</button></form>
    </div>
  </div>`
  return { kind: 'response', status: 431, ...pageElsewhere(pages, { title, body }) }
}

/** `Set-Cookie` lines that expire each cookie on the host and on each domain from there up to the apps' domain. */
function expiries(rawHeaders: readonly string[], host: string, served: AppsDomains): string[] {
  const above = appsDomainOf(host, served)
  const labels = host.split('.')
  const domains = labels
    .map((_, at) => labels.slice(at).join('.'))
    .filter((domain) => domain === host || (above !== null && `.${domain}`.endsWith(`.${above}`)))
    .map((domain) => `; Domain=${domain}`)
  const names = new Set<string>()
  for (const line of valuesOf(rawHeaders, 'cookie'))
    for (const pair of line.split(';')) names.add(pair.split('=', 1)[0]?.trim() ?? '')
  const lines: string[] = []
  let bytes = 0
  for (const name of names) {
    if (!NAME.test(name) || OURS.test(name)) continue
    for (const domain of name.startsWith('__Host-') ? [''] : ['', ...domains]) {
      const line = `${name}=; Path=/; Max-Age=0; Secure${domain}`
      bytes += line.length + 'Set-Cookie: \r\n'.length
      if (bytes > MOST_RESPONSE_BYTES) return lines
      lines.push('Set-Cookie', line)
    }
  }
  return lines
}

function keyOf({ clientIp, serverName }: ConnectionInfo): string {
  return `${clientIp} ${serverName}`
}
