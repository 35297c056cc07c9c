import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { CliError } from './cli-error.ts'
import type { ProxyAddress } from './proxy-address.ts'
import { escapeText } from './text-escaping.ts'

const WAIT_MS = 5 * 60_000

/** What proves to the hub that the person has allowed this very login. */
export interface LoginProof {
  readonly code: string
  /** RFC 7636. */
  readonly verifier: string
}

export interface BrowserLogin<T> {
  /** The program that asks, shown on the hub's page. */
  readonly program: string
  readonly proxy: ProxyAddress
  /** The connector to sign in through; null leaves it to the page. */
  readonly connector?: string | null
  /** False: the URL is printed, and the code that the page shows is pasted. */
  readonly browser: boolean
  /** Exchanges the code at the hub. Its error `code_invalid` or 429 leaves the login waiting in the browser. */
  readonly redeem: (proof: LoginProof) => Promise<T>
}

/**
 * Signs in through the browser (RFC 8252 section 7.3 with PKCE, RFC 7636): the hub's page names this machine and asks;
 * the click leads to a listener on loopback, or shows a code to paste. Waits five minutes at most.
 */
export async function loginWithBrowser<T>(login: BrowserLogin<T>): Promise<T> {
  const verifier = randomBytes(32).toString('base64url')
  const page = new URL(`https://${login.proxy.name}/web/cli`)
  page.searchParams.set('challenge', createHash('sha256').update(verifier).digest('base64url'))
  page.searchParams.set('host', hostname())
  page.searchParams.set('program', login.program)
  if (login.connector) page.searchParams.set('connector', login.connector)
  const redeem = (code: string) => login.redeem({ code, verifier })
  if (login.browser) return listenForCode(page, login.proxy, redeem)
  page.searchParams.set('no_browser', '1')
  return redeem(await pastedCode(page))
}

async function pastedCode(page: URL): Promise<string> {
  process.stderr.write(
    `Open this page in a browser, allow the login, and paste the code that it shows:\n  ${page}\n`,
  )
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const signal = AbortSignal.timeout(WAIT_MS)
    // Ctrl-C or the end of input: what is said next begins on a line of its own.
    const closed = new Promise<string>((resolve) => prompt.once('close', () => resolve('\n')))
    prompt.once('SIGINT', () => prompt.close())
    const answer = await Promise.race([prompt.question('Code: ', { signal }), closed])
    if (answer === '\n') process.stderr.write(answer)
    const code = answer.trim()
    if (code === '') throw new CliError('MEZ_LOGIN_FAILED', 'no code was given')
    return code
  } catch (error) {
    if ((error as Error).name === 'AbortError')
      throw new CliError('MEZ_LOGIN_FAILED', 'no code was given in five minutes')
    throw error
  } finally {
    prompt.close()
  }
}

/** A wrong code (any page can send one here) is answered and forgotten: only the hub's own code ends the wait. */
async function listenForCode<T>(
  page: URL,
  proxy: ProxyAddress,
  redeem: (code: string) => Promise<T>,
): Promise<T> {
  const server = createServer({ requestTimeout: 10_000 })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  page.searchParams.set('redirect_port', String(port))
  const answered = new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new CliError('MEZ_LOGIN_FAILED', 'the browser did not come back in five minutes')),
      WAIT_MS,
    )
    server.on('close', () => clearTimeout(timer))
    server.on('error', reject)
    server.on('request', async (request, response) => {
      const say = (status: number, text: string) => {
        response.writeHead(status, {
          'content-type': 'text/plain; charset=utf-8',
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
          'x-content-type-options': 'nosniff',
          connection: 'close',
        })
        response.end(text)
      }
      const target = URL.parse(request.url ?? '', `http://127.0.0.1:${port}`)
      const code = target?.searchParams.get('code') ?? ''
      if (request.headers.host !== `127.0.0.1:${port}` || request.method !== 'GET')
        return say(403, 'Not here.\n')
      if (target?.pathname !== '/callback' || code === '') return say(404, 'Not here.\n')
      const afterwards = (settle: () => void) => {
        // The browser may have gone while the hub was asked.
        if (response.closed) settle()
        else response.once('close', settle)
      }
      try {
        const answer = await redeem(code)
        afterwards(() => resolve(answer))
        say(200, 'You are signed in. This page can be closed; go back to the terminal.\n')
      } catch (error) {
        const { code: reason, status } = error instanceof CliError ? error : { code: '', status: null }
        if (reason === 'code_invalid') {
          return say(
            400,
            'The hub does not know this code. Allow the login on the page that the program opened.\n',
          )
        }
        // It has not looked at the code, and any page can have used up the tries.
        if (status === 429) {
          process.stderr.write(
            'The hub takes no more tries just now: wait a little, then load the page again.\n',
          )
          return say(429, 'The hub takes no more tries just now. Wait a little, then load this page again.\n')
        }
        afterwards(() => reject(error))
        say(502, 'The login failed; the terminal says why.\n')
      }
    })
  })
  answered.catch(() => {})
  try {
    process.stderr.write(
      `Opening ${page}\nAllow the login there; Ctrl-C stops waiting for ${escapeText(proxy.name)}.\n`,
    )
    await openPage(page)
    return await answered
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** MEZITE_BROWSER names a program that is started with the URL instead of the system's browser. */
async function openPage(page: URL): Promise<void> {
  const failed = () => process.stderr.write('No browser could be started: open the address above yourself.\n')
  try {
    const { default: open } = await import('open')
    const program = process.env.MEZITE_BROWSER
    const child = await open(page.href, program ? { app: { name: program } } : {})
    child.on('error', failed)
  } catch {
    failed()
  }
}
