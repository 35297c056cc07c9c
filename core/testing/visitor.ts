import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent, request as requestHttps } from 'node:https'
import { createSecureContext } from 'node:tls'
import { lookupLocalhost } from '../wire/localhost-lookup.ts'

/** A complete response. */
export interface Answer {
  readonly url: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** One request; GET without a body by default. */
export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Timeout of the whole exchange, in milliseconds. */
  readonly timeoutMs?: number
  /** The agent whose connections to use. Default: a new connection. */
  readonly agent?: Agent
}

const MAX_REDIRECTS = 20
/** Authorities whose TLS sessions are kept. */
const MAX_AGENTS = 20

/** One for each authority: resumes TLS sessions, as browsers do, and keeps no connection. */
const agents = new Map<string | undefined, Agent>()

function agentFor(ca: string | undefined): Agent {
  const known = agents.get(ca)
  if (known !== undefined) return known
  const agent = new Agent(ca === undefined ? {} : { secureContext: createSecureContext({ ca }) })
  if (agents.size === MAX_AGENTS) agents.clear()
  agents.set(ca, agent)
  return agent
}

/**
 * A simulated browser: cookies by host (like `__Host-` cookies), redirects, Fetch Metadata and forms. For scripts that
 * use a cluster; it does not enforce the rules that a real browser enforces.
 */
export class Visitor {
  /** PEM of the authority to trust in addition to the usual ones. */
  readonly ca: string | undefined
  readonly #cookies = new Map<string, Map<string, string>>()

  /** `ca` is the PEM of the authority to trust in addition to the usual ones. */
  constructor(ca?: string) {
    this.ca = ca
  }

  /** Navigates: follows redirects and keeps cookies. */
  async open(url: string, ask: Ask = {}): Promise<Answer> {
    let next = url
    let current: Ask = {
      ...ask,
      headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html', ...ask.headers },
    }
    for (let hops = 0; hops < MAX_REDIRECTS; hops++) {
      const response = await this.fetch(next, current)
      const { location } = response.headers
      if (response.status < 300 || response.status > 399 || !location) return response
      next = new URL(location, next).href
      const { body: _, method: __, ...rest } = current
      const { origin: ___, 'content-type': ____, ...headers } = rest.headers ?? {}
      if (response.status !== 307 && response.status !== 308) current = { ...rest, headers }
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects from ${url}, the last to ${next}`)
  }

  /** Submits the form of `page` whose action matches, as a browser does on a click. */
  submit(page: Answer, action: RegExp, fields: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const form = [...page.text.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)]
      .map(([, attributes = '', inner = '']) => ({ target: attribute(attributes, 'action') ?? '', inner }))
      .find(({ target }) => action.test(target))
    if (!form) throw new Error(`no form with action ${action} on ${page.url} (status ${page.status})`)
    const values = new URLSearchParams()
    for (const [, input = ''] of form.inner.matchAll(/<input\b([^>]*)>/g)) {
      const name = attribute(input, 'name')
      if (name) values.set(name, attribute(input, 'value') ?? '')
    }
    for (const [name, value] of Object.entries(fields)) values.set(name, value)
    return this.open(new URL(form.target, page.url).href, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: new URL(page.url).origin,
        'sec-fetch-site': 'same-origin',
      },
      body: values.toString(),
    })
  }

  /** One exchange with the whole body as text; does not follow redirects. */
  async fetch(url: string, ask: Ask = {}): Promise<Answer> {
    const response = await this.stream(url, ask)
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return {
      url,
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: Buffer.concat(chunks).toString('utf8'),
    }
  }

  /** One exchange; resolves with the head while the body is still unread. */
  stream(url: string, ask: Ask = {}): Promise<IncomingMessage> {
    const target = new URL(url)
    const request = (target.protocol === 'https:' ? requestHttps : requestHttp)(target, {
      method: ask.method ?? 'GET',
      headers: { ...this.#cookieHeader(target), ...ask.headers },
      lookup: lookupLocalhost,
      agent: ask.agent ?? (target.protocol === 'https:' ? agentFor(this.ca) : false),
      signal: AbortSignal.timeout(ask.timeoutMs ?? 60_000),
      ...(ask.agent === undefined || this.ca === undefined ? {} : { ca: this.ca }),
    })
    return new Promise((resolve, reject) => {
      request.on('error', reject)
      request.on('response', (response) => {
        this.#keepCookies(target.host, response.headers['set-cookie'] ?? [])
        resolve(response)
      })
      request.end(ask.body)
    })
  }

  /** The `Cookie` header that this visitor would send to the host, or undefined. */
  cookies(host: string): string | undefined {
    const jar = this.#cookies.get(host)
    if (!jar || jar.size === 0) return undefined
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  #cookieHeader(target: URL): Record<string, string> {
    const cookie = this.cookies(target.host)
    return cookie === undefined ? {} : { cookie }
  }

  #keepCookies(host: string, lines: readonly string[]): void {
    const jar = this.#cookies.get(host) ?? new Map<string, string>()
    this.#cookies.set(host, jar)
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
      if (/;\s*max-age=0/i.test(line) || /;\s*expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
  }
}

function attribute(attributes: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1]
  return value
    ?.replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&')
}
