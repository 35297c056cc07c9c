/** Opens an app through an installed Mezite: a hub, an agent, an app on this machine, and a bot that opens it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, createServer as createPort } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Program, programs } from './program-files.ts'

/** How the programs of a form are run. */
export interface InstalledForm {
  /** The command line of a program; null if the form does not have it. `folder` is where it may write. */
  command(program: Program, args: readonly string[], folder: string): readonly string[] | null
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs `--version` and `--help` of each program of a form; returns the versions. Rejects if one fails, or says nothing: a file that was left
 * out shows here.
 */
export async function startPrograms(form: InstalledForm, folder: string): Promise<string> {
  const versions: string[] = []
  const { NODE_OPTIONS: _, ...env } = process.env
  for (const program of Object.keys(programs) as Program[])
    for (const flag of ['--version', '--help']) {
      const command = form.command(program, [flag], folder)
      if (command === null) continue
      const [file, ...args] = command
      const options = { cwd: folder, env: { ...env, ...form.env }, timeout: DEADLINE_MS }
      const { stdout } = await run(file!, args, options)
      if (!stdout.includes(program)) throw new Error(`${program} ${flag} printed ${JSON.stringify(stdout)}`)
      if (flag === '--version') versions.push(stdout.trim().split('\n')[0]!)
    }
  return versions.join(', ')
}

const run = promisify(execFile)
const DEADLINE_MS = 180_000
const PAUSE_MS = 200

async function freePort(): Promise<number> {
  const server = createPort().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** A request to a host of the hub, which listens on 127.0.0.1 alone. */
function ask(
  port: number,
  host: string,
  path: string,
  ca: string,
  headers: object,
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        ...{ host: '127.0.0.1', servername: host, port, path, ca },
        method: body === undefined ? 'GET' : 'POST',
        headers: { host: `${host}:${port}`, ...headers },
        timeout: 20_000,
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode!, text })).on('error', reject)
      },
    )
    call.on('error', reject).on('timeout', () => call.destroy(new Error('timed out after 20 s')))
    call.end(body)
  })
}

/**
 * Starts hub and agent of a form in `folder`, registers an app, and opens it with the token of a bot. Returns what the app answered:
 * the name of its caller. Rejects with the output of a program that fails, or after 3 minutes.
 */
export async function openApp(form: InstalledForm, folder: string): Promise<string> {
  const until = Date.now() + DEADLINE_MS
  const logs: string[] = []
  const children: ChildProcess[] = []
  const launch = (program: Program, args: readonly string[], input = ''): ChildProcess => {
    const [file, ...rest] = form.command(program, args, folder)!
    const { NODE_OPTIONS: _, ...env } = process.env
    const child = spawn(file!, rest, { cwd: folder, env: { ...env, ...form.env }, stdio: 'pipe' })
    children.push(child)
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text) => logs.push(`${program} ${args[0]}: ${text}`))
    child.stdin!.on('error', () => {})
    child.stdin!.end(input)
    return child
  }
  const run = async (program: Program, ...args: readonly string[]): Promise<string> => {
    const child = launch(program, args)
    let output = ''
    child.stdout!.on('data', (text) => {
      output += text
    })
    const [code] = await Promise.race([
      once(child, 'close'),
      sleep(until - Date.now(), [null], { ref: false }),
    ])
    if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`)
    return output
  }
  const wait = async (what: string, check: () => Promise<boolean>): Promise<void> => {
    while (!(await check().catch(() => false))) {
      if (Date.now() > until) throw new Error(`timed out: ${what}`)
      if (children.some(({ exitCode }) => exitCode !== null && exitCode !== 0))
        throw new Error(`a program ended before ${what}`)
      await sleep(PAUSE_MS)
    }
  }
  const app = createServer((incoming, response) =>
    response.end(`opened by ${incoming.headers['x-mezite-user']}`),
  ).listen(0, '127.0.0.1')
  try {
    await once(app, 'listening')
    const [port, diagnostics] = [await freePort(), await freePort()]
    const data = join(folder, 'hub')
    mkdirSync(join(folder, 'config'), { recursive: true })
    const config = join(folder, 'config/mezhub.yaml')
    const proxy = `{ listen_addr: 127.0.0.1:${port}, public_addr: hub.localhost:${port}, apps_domain: apps.localhost, shutdown_delay: 0s }`
    const plugins = '{ authorization-server: { enabled: true } }'
    writeFileSync(
      config,
      `data_dir: ${data}\nproxy: ${proxy}\ndiagnostics: { listen_addr: 127.0.0.1:${diagnostics} }\nplugins: ${plugins}\n`,
    )
    launch('mezhub', ['start', '--config', config])
    await wait('the hub is ready', async () => (await fetch(`http://127.0.0.1:${diagnostics}/readyz`)).ok)
    const mezctl = (...args: readonly string[]) => run('mezctl', ...args, '--data-dir', data)
    const uri = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
    await mezctl('apps', 'register', '--name', 'web', '--uri', uri, '--agent-hostname', 'node-1')
    const joining = await mezctl('tokens', 'create', '--roles=app', '--agent-hostname', 'node-1', '--json')
    const { token, ca_pin: pin } = JSON.parse(joining)
    const place = ['--proxy', `hub.localhost:${port}`, '--ca-pin', pin, '--hostname', 'node-1']
    launch(
      'mezd',
      ['start', ...place, '--token-file', '-', '--data-dir', join(folder, 'agent')],
      `${token}\n`,
    )
    const state = async () => JSON.parse(await mezctl('apps', 'get', 'web', '--json')).status.state
    await wait('the agent reaches the app', async () => (await state()) === 'ready')

    await mezctl('bots', 'create', 'ci', '--roles', 'access')
    const { secret } = JSON.parse(await mezctl('bots', 'secret', 'ci', '--json'))
    const ca = readFileSync(join(data, 'development-ca.pem'), 'utf8')
    const form_ = new URLSearchParams({
      ...{ grant_type: 'client_credentials', client_id: 'bot:ci', client_secret: secret },
      resource: `https://web.apps.localhost:${port}/`,
    })
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const issued = await ask(port, 'hub.localhost', '/v1/oauth/token', ca, type, String(form_))
    const { access_token } = JSON.parse(issued.text)
    const refused = await ask(port, 'web.apps.localhost', '/', ca, {})
    if (refused.status < 300) throw new Error(`the app was opened without a token: ${refused.status}`)
    const opened = await ask(port, 'web.apps.localhost', '/', ca, { authorization: `Bearer ${access_token}` })
    if (opened.status !== 200) throw new Error(`the app answered ${opened.status}: ${opened.text}`)
    if (form.command('msh', [], folder) !== null) {
      writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 })
      const login = ['--proxy', `hub.localhost:${port}`, '--ca-file', join(data, 'development-ca.pem')]
      await run('msh', 'login', ...login, '--bot', 'ci', '--secret-file', join(folder, 'secret'))
      const listed = await run('msh', 'app', 'ls')
      if (!listed.includes('web')) throw new Error(`msh does not list the app: ${listed}`)
    }
    return opened.text
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${logs.slice(-30).join('')}`, { cause: error })
  } finally {
    app.close()
    app.closeAllConnections()
    for (const child of children.reverse())
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        const hard = setTimeout(() => child.kill('SIGKILL'), 20_000)
        await once(child, 'close')
        clearTimeout(hard)
      }
  }
}
