import { Agent } from 'node:https'
import type { Authorization, Client, Order } from 'acme-client'

type AcmeClient = typeof import('acme-client')

/** Bytes of a response; a chain has a few thousand. */
const MOST_BYTES = 1 << 20
const MOST_CONNECTIONS = 8
const REQUEST_MS = 30_000
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce'

/** An authority's refusal (RFC 8555, section 6.7). */
export class AcmeProblem extends Error {
  /** Without the prefix of ACME's names: `rateLimited`. */
  readonly type: string
  readonly status: number
  /** How long the authority wants to be left alone. */
  readonly retryAfterMs: number | null

  constructor(detail: string, type: string, status: number, retryAfterMs: number | null) {
    super(detail)
    this.type = type
    this.status = status
    this.retryAfterMs = retryAfterMs
  }

  /** False: the same request may succeed later. */
  get isFinal(): boolean {
    return this.status < 500 && this.type !== 'rateLimited' && this.type !== 'badNonce'
  }
}

/** What an authority says of an order or of a check, and how long it wants to be left alone until it is asked again. */
export type Polled<T> = T & { readonly retryAfterMs: number | null }

/** The members of a directory that acme-client does not know. */
interface Directory {
  readonly renewalInfo?: string
  readonly meta?: {
    readonly externalAccountRequired?: boolean
    readonly caaIdentities?: readonly string[]
    readonly profiles?: Readonly<Record<string, string>>
  }
}

/** An account with one authority. */
export interface Authority {
  readonly acme: AcmeClient
  readonly client: Client
  directory(): Promise<Directory>
  /** `more`: members that newer authorities know, `profile` and `replaces`. */
  createOrder(names: readonly string[], more: Readonly<Record<string, string>>): Promise<Order>
  order(url: string): Promise<Polled<Order>>
  authorization(url: string): Promise<Polled<Authorization>>
  /** GET without an account, as for the time of renewal. */
  get(url: string): Promise<{ readonly data: unknown; readonly headers: Readonly<Record<string, unknown>> }>
}

/** HTTPS agents by origin: an authority's URLs all have the origin of its directory, and no request goes elsewhere. */
const agents = new Map<string, Agent>()
let loaded: Promise<AcmeClient> | undefined

/** acme-client, which has one HTTP client for all accounts, with limits that a hostile authority cannot pass. */
async function load(): Promise<AcmeClient> {
  const acme = (await import('acme-client')).default as unknown as AcmeClient
  const { axios } = acme
  // Its own interceptors repeat requests for as long as the authority says, and lose the errors of the network.
  axios.interceptors.request.clear()
  axios.interceptors.response.clear()
  Object.assign(axios.defaults, { maxRedirects: 0, maxContentLength: MOST_BYTES, timeout: REQUEST_MS })
  axios.defaults.headers.common['User-Agent'] = 'mezite-acme'
  axios.interceptors.request.use((config) => {
    const agent = agents.get(new URL(config.url ?? '').origin)
    if (agent === undefined)
      throw new Error(`the authority refers to ${config.url}, which is not below the origin of its directory`)
    // A timeout of axios does not end a response that trickles.
    return Object.assign(config, { httpsAgent: agent, signal: AbortSignal.timeout(2 * REQUEST_MS) })
  })
  axios.interceptors.response.use((response) => {
    const { status, data, headers } = response
    if (/^text\/html\b/i.test(String(headers['content-type'] ?? '')) && (status < 300 || status >= 400)) {
      const detail = `something else answers in place of the authority, with a web page (HTTP ${status}), such as the sign-in page of a network or a proxy`
      // The authority itself has ended nothing.
      throw new AcmeProblem(detail, '', Math.max(status, 503), retryAfterOf(headers['retry-after']))
    }
    if (status < 300 || data?.type === BAD_NONCE) return response
    const type = String(data?.type ?? '').replace(/^urn:ietf:params:acme:error:/, '')
    const detail = status < 400 ? 'it redirects' : plain(problemText(data) || `it returned HTTP ${status}`)
    throw new AcmeProblem(detail, type, status, retryAfterOf(headers['retry-after']))
  })
  return acme
}

/** What a problem document says, with what it says of single names. */
export function problemText(problem: unknown): string {
  const { detail, subproblems } = Object(problem) as {
    detail?: unknown
    subproblems?: readonly { detail?: unknown; identifier?: { value?: unknown } }[]
  }
  const more = (Array.isArray(subproblems) ? subproblems : []).map(
    (one) => `${one?.identifier?.value}: ${one?.detail}`,
  )
  return plain([detail, ...more].filter(Boolean).join('; '))
}

/** A stranger has written it: one line, not too long. */
export const plain = (text: string) => text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, 500)

function retryAfterOf(header: unknown): number | null {
  if (typeof header !== 'string') return null
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? ms : null
}

/** Opens the account with a directory; no request is made. `ca`: roots in PEM, the same array for the same authority; null: those of Node.js. */
export async function openAuthority(options: {
  readonly directory: string
  readonly accountKey: string
  readonly accountUrl: string | null
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | null
  readonly ca: string[] | null
}): Promise<Authority> {
  const { directory, ca: roots } = options
  loaded ??= load()
  const acme = await loaded
  const { origin } = new URL(directory)
  // An order of many names makes hundreds of requests.
  const agent = agents.get(origin)
  if (agent === undefined || agent.options.ca !== (roots ?? undefined))
    agents.set(
      origin,
      new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS, ...(roots && { ca: roots }) }),
    )
  const client = new acme.Client({
    directoryUrl: directory,
    accountKey: options.accountKey,
    ...(options.accountUrl !== null && { accountUrl: options.accountUrl }),
    ...(options.externalAccount && { externalAccountBinding: options.externalAccount }),
  })
  const get = (url: string) => acme.axios.get(url, { validateStatus: null })
  let known: Promise<Directory> | undefined
  // acme-client asks for what a URL says with POST-as-GET here.
  const read = <T>(url: string) =>
    (
      client as unknown as {
        api: {
          apiRequest(
            url: string,
            payload: null,
            ok: number[],
          ): Promise<{ data: T; headers: Readonly<Record<string, unknown>> }>
        }
      }
    ).api
      .apiRequest(url, null, [200])
      .then(({ data, headers }) => ({ ...data, url, retryAfterMs: retryAfterOf(headers['retry-after']) }))
  return {
    acme,
    client,
    directory: () => {
      known ??= get(directory).then(({ data }) => Object(data) as Directory)
      return known
    },
    createOrder: (names, more) =>
      client.createOrder({
        identifiers: names.map((value) => ({ type: 'dns', value })),
        ...more,
      } as Parameters<Client['createOrder']>[0]),
    order: (url) => read<Order>(url),
    authorization: (url) => read<Authorization>(url),
    get,
  }
}
