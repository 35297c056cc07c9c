import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import { until } from '../until.ts'

const FIREFOX = '/usr/bin/firefox-esr'
const READY_MS = 60_000

/** One tab of a Firefox without a window. */
export interface FirefoxTab {
  goto(url: string): Promise<void>
  /** Value of an expression in the page; promises are awaited. */
  evaluate<T>(expression: string): Promise<T>
  /** Polls until the expression is truthy. */
  waitFor(expression: string): Promise<void>
  /** Clicks as a person does, with the pointer. */
  click(selector: string): Promise<void>
}

interface Reply {
  readonly id?: number
  readonly type: string
  readonly result?: Record<string, unknown>
  readonly message?: string
}

/** True where Debian's Firefox is installed. */
export const hasFirefox = (): boolean => existsSync(FIREFOX)

/** Starts Firefox with a new profile that accepts every certificate, and drives it with WebDriver BiDi (W3C). */
export async function openFirefox(t: { teardown(fn: () => unknown): void }): Promise<FirefoxTab> {
  const profile = mkdtempSync(join(tmpdir(), 'mezite-firefox-'))
  const program = spawn(
    FIREFOX,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' },
    },
  )
  t.teardown(async () => {
    if (program.exitCode === null && program.kill()) await once(program, 'exit')
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  })
  const socket = new WebSocket(`${await addressOf(program)}/session`)
  socket.on('error', () => {})
  await once(socket, 'open')
  t.teardown(() => socket.terminate())

  let last = 0
  const waiting = new Map<number, (reply: Reply) => void>()
  socket.on('message', (data) => {
    const reply = JSON.parse(String(data)) as Reply
    if (reply.id !== undefined) waiting.get(reply.id)?.(reply)
  })
  const send = async (method: string, params: object): Promise<Record<string, unknown>> => {
    last += 1
    const id = last
    const answered = new Promise<Reply>((resolve) => waiting.set(id, resolve))
    socket.send(JSON.stringify({ id, method, params }))
    const { type, result = {}, message } = await answered
    waiting.delete(id)
    if (type !== 'success') throw new Error(`${method}: ${message}`)
    return result
  }
  await send('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } })
  const { contexts } = await send('browsingContext.getTree', {})
  const [{ context }] = contexts as [{ context: string }]

  const tab: FirefoxTab = {
    async goto(url) {
      await send('browsingContext.navigate', { context, url, wait: 'complete' })
    },
    async evaluate<T>(expression: string) {
      const found = (await send('script.evaluate', {
        expression: `Promise.resolve(${expression}).then(JSON.stringify)`,
        awaitPromise: true,
        target: { context },
      })) as { type: string; result?: { value?: string }; exceptionDetails?: { text: string } }
      if (found.type !== 'success') throw new Error(`${expression}: ${found.exceptionDetails?.text}`)
      const text = found.result?.value
      return (text === undefined ? undefined : JSON.parse(text)) as T
    },
    async waitFor(expression) {
      // A page that is being replaced has no place for the expression.
      await until(() => tab.evaluate<boolean>(`Boolean(${expression})`).catch(() => false), expression)
    },
    async click(selector) {
      const at = await tab.evaluate<{ x: number; y: number }>(
        `(({ x, y, width, height }) => ({ x: Math.round(x + width / 2), y: Math.round(y + height / 2) }))(document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect())`,
      )
      const press = [
        { type: 'pointerMove', ...at },
        { type: 'pointerDown', button: 0 },
        { type: 'pointerUp', button: 0 },
      ]
      await send('input.performActions', {
        context,
        actions: [{ type: 'pointer', id: 'mouse', actions: press }],
      })
    },
  }
  return tab
}

/** The address that Firefox prints once it listens. */
async function addressOf(program: ChildProcess): Promise<string> {
  const lines = createInterface({ input: program.stderr! })
  const late = setTimeout(() => program.kill(), READY_MS)
  try {
    for await (const line of lines) {
      const [, address] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? []
      if (address) return address
    }
  } finally {
    clearTimeout(late)
    program.stderr?.resume()
  }
  throw new Error('Firefox did not start')
}
