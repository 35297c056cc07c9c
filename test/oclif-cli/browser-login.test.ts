// together: mezctl
/** How a code gets from the browser to the program when the browser or the hub misbehaves. */
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { loginWithBrowser } from '../../oclif-cli/shared/browser-login.ts'
import { CliError, reportError } from '../../oclif-cli/shared/cli-error.ts'
import { proxyEndpoint } from '../../oclif-cli/shared/hub-endpoint.ts'
import { transportError } from '../../oclif-cli/shared/hub-errors.ts'
import { until } from '../until.ts'

process.env.MEZITE_BROWSER = '/bin/true'

/** A login that waits for the browser. */
async function waiting(t: Tap, redeem: (code: string) => Promise<string>) {
  const written = t.capture(process.stderr, 'write', () => true)
  const text: string[] = []
  const terminal = () => {
    text.push(...written().map(({ args }) => String(args[0])))
    return text.join('')
  }
  const outcome = { settled: false }
  const proxy = { host: 'hub.test', port: 443, name: 'hub.test' }
  const login = loginWithBrowser({
    program: 'msh',
    proxy,
    browser: true,
    redeem: ({ code }) => redeem(code),
  }).finally(() => {
    outcome.settled = true
  })
  login.catch(() => {})
  await until(() => /https:\S+/.test(terminal()), 'the address is printed')
  const page = new URL(/https:\S+/.exec(terminal())![0])
  const port = Number(page.searchParams.get('redirect_port'))
  const visit = async (code: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/callback?code=${code}`)
    return { status: answer.status, text: await answer.text() }
  }
  return { login, outcome, port, terminal, visit }
}
type Tap = { capture: typeof t.capture }

/** Sends the code and disconnects before the response. */
function leave(port: number, code: string): void {
  const socket = connect(port, '127.0.0.1', () => {
    socket.end(`GET /callback?code=${code} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
    setTimeout(() => socket.destroy(), 50)
  })
  socket.on('error', () => {})
}

const opts = { timeout: 120_000 }

t.test('a login completes although the browser leaves while the hub is working', opts, async (t) => {
  const done = await waiting(t, () => pause(500, 'signed in'))
  leave(done.port, 'right')
  t.equal(await done.login, 'signed in')
  const failed = await waiting(t, async () => {
    await pause(500)
    throw new CliError('sign_in_failed', 'The sign-in could not be kept.', { status: 503 })
  })
  leave(failed.port, 'right')
  await t.rejects(failed.login, { code: 'sign_in_failed' })
})

t.test('a wrong code is rejected, and the login keeps waiting', opts, async (t) => {
  const { login, outcome, visit } = await waiting(t, async (code) => {
    if (code === 'right') return 'signed in'
    throw new CliError('code_invalid', 'The code is unknown.', { status: 400 })
  })
  t.match(await visit('wrong'), { status: 400, text: /not valid/ })
  t.notOk(outcome.settled)
  t.match(await visit('right'), { status: 200, text: /You are signed in/ })
  t.equal(await login, 'signed in')
})

t.test('the listener accepts one host, method and path only', opts, async (t) => {
  let asked = 0
  const { login, port, visit } = await waiting(t, async () => {
    asked += 1
    return 'signed in'
  })
  const say = (line: string, host: string) =>
    new Promise<string>((resolve) => {
      let text = ''
      const socket = connect(port, '127.0.0.1')
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
      socket.write(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    })
  const own = `127.0.0.1:${port}`
  for (const [line, host, status] of [
    ['GET /callback?code=right', `evil.test:${port}`, 403],
    ['GET /callback?code=right', `localhost:${port}`, 403],
    ['GET /callback?code=right', '127.0.0.1', 403],
    ['POST /callback?code=right', own, 403],
    ['GET /other?code=right', own, 404],
    ['GET /callback', own, 404],
  ] as const)
    t.match(await say(line, host), new RegExp(`^HTTP/1.1 ${status} `), `${line} ${host}`)
  t.equal(asked, 0)
  t.match(await visit('right'), { status: 200 })
  t.equal(await login, 'signed in')
})

t.test('a hub that limits attempts is reported as such, and the code can be sent again', opts, async (t) => {
  let tries = 0
  const { login, outcome, terminal, visit } = await waiting(t, async () => {
    tries += 1
    if (tries > 1) return 'signed in'
    throw new CliError('too_many_requests', 'Too many requests.', { status: 429 })
  })
  t.match(await visit('right'), { status: 429, text: /reload this page/ })
  t.match(terminal(), /accepts no more attempts/)
  t.notOk(outcome.settled)
  t.match(await visit('right'), { status: 200 })
  t.equal(await login, 'signed in')
})

t.test('every other error of the hub ends the login with its reason', opts, async (t) => {
  for (const status of [400, 401, 403, 404, 413, 500, 503]) {
    const { login, visit } = await waiting(t, async () => {
      throw new CliError('some_reason', 'Refused.', { status })
    })
    t.match(await visit('right'), { status: 502, text: /terminal shows the reason/ }, String(status))
    await t.rejects(login, { code: 'some_reason', message: 'Refused.' })
  }
})

t.test('an error of the network, of oclif or of the program itself has a code of its own', async (t) => {
  const endpoint = proxyEndpoint(
    { host: 'hub.test', port: 443, name: 'hub.test' },
    { token: null, ca: null, why: '', renewHint: '' },
  )
  const network = (error: object) => transportError(Object.assign(new Error('failed'), error), endpoint).code
  t.equal(network({ name: 'TimeoutError' }), 'MEZ_HUB_TIMEOUT')
  t.equal(network({ code: 'EACCES' }), 'MEZ_SOCKET_DENIED')
  const report = async (error: Error) => {
    const written = t.capture(process.stderr, 'write', () => true)
    const status = await reportError(error, { command: 'mezctl apps ls' })
    written.restore()
    return [status, /\((MEZ_\w+)\)/.exec(String(written()[0]?.args[0]))?.[1]]
  }
  const ofOclif = Object.assign(new Error('the package has no commands'), { oclif: {} })
  t.strictSame(await report(ofOclif), [1, 'MEZ_COMMAND_FAILED'])
  t.strictSame(await report(new TypeError('x is not a function')), [1, 'MEZ_CLI_FAULT'])
})
