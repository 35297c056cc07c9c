/**
 * The browser logins of mezctl and msh.
 *
 * @internal
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import * as Flags from '@oclif/core/flags'
import { CliError } from './cli-error.ts'
import type { HubClient } from './hub-client.ts'
import type { ProxyAddress } from './hub-endpoint.ts'
import { ask } from './terminal.ts'
import { escapeText } from './text-escaping.ts'

const WAIT_MS = 5 * 60_000

/** The flags of every login through the browser. */
export const loginFlags = {
  'ca-file': Flags.string({
    description: 'PEM file of a certificate authority to trust for this hub',
    helpValue: 'FILE',
  }),
  browser: Flags.boolean({
    default: true,
    allowNo: true,
    description: 'Open a browser; with --no-browser, print the address and ask for the code on the page',
  }),
}

/** The proof for the hub that the user allowed this login. */
export interface LoginProof {
  readonly code: string
  /** RFC 7636. */
  readonly verifier: string
}

export interface BrowserLogin<T> {
  /** The program that signs in, shown on the hub's page. */
  readonly program: string
  readonly proxy: ProxyAddress
  /** The connector to sign in through; null leaves the choice to the page. */
  readonly connector?: string | null
  /** False: print the URL, and prompt for the code that the page shows. */
  readonly browser: boolean
  /** Exchanges the code at the hub. After its errors `code_invalid` and 429 the login keeps waiting for the browser. */
  readonly redeem: (proof: LoginProof) => Promise<T>
}

/**
 * Signs in through the browser (RFC 8252 section 7.3 with PKCE, RFC 7636): the hub's page names this machine and asks for
 * permission, then redirects to a listener on loopback, or shows a code to paste. Waits at most five minutes.
 */
export async function loginWithBrowser<T>(login: BrowserLogin<T>): Promise<T> {
  const verifier = randomBytes(32).toString('base64url')
  const page = new URL(`https://${login.proxy.name}/web/cli`)
  page.searchParams.set('challenge', createHash('sha256').update(verifier).digest('base64url'))
  page.searchParams.set('host', hostname())
  page.searchParams.set('program', login.program)
  if (login.connector) page.searchParams.set('connector', login.connector)
  const redeem = (code: string) => login.redeem({ code, verifier })
  if (login.browser) return waitForRedirect(page, login.proxy, redeem)
  page.searchParams.set('no_browser', '1')
  return redeem(await pastedCode(page))
}

async function pastedCode(page: URL): Promise<string> {
  process.stderr.write(
    `Open this page in a browser, allow the login, and paste the code that it shows:\n  ${page}\n`,
  )
  try {
    const code = await ask('Code: ', AbortSignal.timeout(WAIT_MS))
    if (code === '') throw new CliError('MEZ_LOGIN_FAILED', 'no code was entered')
    return code
  } catch (error) {
    if ((error as Error).name === 'AbortError')
      throw new CliError('MEZ_LOGIN_FAILED', 'no code was entered within five minutes')
    throw error
  }
}

/**
 * Opens a page of the hub and waits until it redirects to a listener on loopback with a code, which `redeem` takes. Any web
 * page can send a wrong code, so a wrong code does not end the wait.
 */
export async function waitForRedirect<T>(
  page: URL,
  proxy: Pick<ProxyAddress, 'name'>,
  redeem: (code: string) => Promise<T>,
): Promise<T> {
  const server = createServer({ requestTimeout: 10_000 })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  page.searchParams.set('redirect_port', String(port))
  const result = new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new CliError('MEZ_LOGIN_FAILED', 'the browser did not return within five minutes')),
      WAIT_MS,
    )
    server.on('close', () => clearTimeout(timer))
    server.on('error', reject)
    server.on('request', async (request, response) => {
      const respond = (status: number, text: string) => {
        response.writeHead(status, {
          'content-type': 'text/plain; charset=utf-8',
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
          'x-content-type-options': 'nosniff',
          connection: 'close',
        })
        response.end(text)
      }
      const code = codeOf(request, port)
      if (typeof code === 'number') return respond(code, 'Not found.\n')
      const afterResponse = (settle: () => void) => {
        // The browser may have left while the hub was working.
        if (response.closed) settle()
        else response.once('close', settle)
      }
      try {
        const done = await redeem(code)
        afterResponse(() => resolve(done))
        // A hub that has a page for the end says so.
        if (isDone(request)) response.setHeader('location', new URL(`${page.pathname}/done`, page).href)
        respond(
          isDone(request) ? 303 : 200,
          'You are signed in. Close this page and return to the terminal.\n',
        )
      } catch (error) {
        const { code: reason, status } = error instanceof CliError ? error : { code: '', status: null }
        if (reason === 'code_invalid') {
          return respond(
            400,
            'This code is not valid. Allow the login on the page that the program opened.\n',
          )
        }
        // The hub has not checked the code, and any web page can have used up the attempts.
        if (status === 429) {
          const text = 'The hub accepts no more attempts right now. Wait a moment, then reload'
          process.stderr.write(`${text} the page in the browser.\n`)
          return respond(429, `${text} this page.\n`)
        }
        afterResponse(() => reject(error))
        respond(502, 'The login failed. The terminal shows the reason.\n')
      }
    })
  })
  result.catch(() => {})
  try {
    process.stderr.write(
      `Opening ${page}\nContinue in the browser (waiting for ${escapeText(proxy.name)}; Ctrl-C cancels).\n`,
    )
    await openPage(page)
    return await result
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** The code in a request to the loopback listener, or the status that rejects the request. */
function codeOf(request: IncomingMessage, port: number): string | 403 | 404 {
  if (request.headers.host !== `127.0.0.1:${port}` || request.method !== 'GET') return 403
  const target = URL.parse(request.url ?? '', `http://127.0.0.1:${port}`)
  const code = target?.pathname === '/callback' ? target.searchParams.get('code') : null
  return code || 404
}

const isDone = ({ url = '' }: IncomingMessage) => /[?&]done=1$/.test(url)

/** Opens the system's browser, or the program that MEZITE_BROWSER names. */
async function openPage(page: URL): Promise<void> {
  const failed = () => process.stderr.write('No browser could be started. Open the address above yourself.\n')
  try {
    const { default: open } = await import('open')
    const program = process.env.MEZITE_BROWSER
    const child = await open(page.href, program ? { app: { name: program } } : {})
    child.on('error', failed)
  } catch {
    failed()
  }
}

/** The result of every login. */
export interface LoginResult {
  readonly token: string
  /** RFC 3339. */
  readonly expires: string
  readonly user: string
  readonly cluster: string
  readonly hub_ca: string | null
}

/** Sends the hub a request, so that an unreachable or untrusted hub is reported before a browser opens. */
export async function findHub(client: HubClient): Promise<void> {
  try {
    await client.call('GET', '/me', { deadlineMs: 10_000 })
  } catch (error) {
    // The expected response: nobody has signed in yet.
    if (!(error instanceof CliError && error.status === 401)) throw error
  }
}

/** Exchanges the proof for a credential at `path`, together with the fields in `more`. `body` is the whole response. */
export async function redeemLogin(
  client: HubClient,
  path: string,
  proof: LoginProof,
  more: object = {},
): Promise<{ readonly login: LoginResult; readonly body: Readonly<Record<string, unknown>> }> {
  return readLogin(await client.call('POST', path, { body: { ...proof, ...more } }))
}

/** Reads the hub's response to a login. Throws `MEZ_HUB_UNEXPECTED` if it has no credential. */
export function readLogin(response: unknown): {
  readonly login: LoginResult
  readonly body: Readonly<Record<string, unknown>>
} {
  const body = (response ?? {}) as Record<string, unknown>
  const { token, expires, user, cluster, hub_ca } = body
  if (typeof token !== 'string' || typeof expires !== 'string') {
    throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub accepted the login but sent no credential')
  }
  const login = {
    token,
    expires,
    user: String(user ?? ''),
    cluster: String(cluster ?? ''),
    hub_ca: typeof hub_ca === 'string' ? hub_ca : null,
  }
  return { login, body }
}
