// together: msh
/** A request that needs a passkey while a port is open: msh opens the page at a terminal, and prints its address elsewhere. */
import { once } from 'node:events'
import http, { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { until } from '../until.ts'
import { startMshHub } from './msh-hub.ts'
import { loginMsh, mshEnv, openApps, startAtTerminal } from './msh-program.ts'

const hub = await startMshHub()
const env = mshEnv(hub)
await loginMsh(hub, env)

let confirmed = false
/** The refusal of a request for `/late` waits for it. */
let late = Promise.withResolvers<void>()
const received: string[] = []
/** Responds as the hub does until the person has confirmed, and then as the app. */
const server = createServer(async (request, response) => {
  request.on('error', () => {})
  if (!confirmed) {
    received.push(`refused ${request.method} ${request.url}`)
    if (request.url === '/late') await late.promise
    response.writeHead(403, {
      'mezite-reason': 'confirmation_required',
      'content-type': 'application/problem+json',
      connection: 'close',
    })
    return void response.end('{"code":"confirmation_required","challenge_url":"https://hub/web/confirm"}')
  }
  let body = ''
  for await (const chunk of request) body += chunk
  received.push(`${request.method} ${request.url} ${body.length}`)
  response.end(`done ${body.slice(0, 20)}`)
})
server.on('upgrade', (request, socket) => {
  socket.on('error', () => {})
  received.push(`websocket ${request.url}`)
  socket.end(
    'HTTP/1.1 403 Forbidden\r\nMezite-Reason: confirmation_required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
  )
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
hub.apps.set('wiki', { protocol: 'http', port: (server.address() as AddressInfo).port })
t.teardown(async () => {
  server.close()
  server.closeAllConnections()
  await hub.stop()
})
t.beforeEach(() => {
  confirmed = false
  late = Promise.withResolvers<void>()
  received.length = 0
})

interface Answer {
  readonly status: number
  readonly body: string
}

function ask(port: number, method: string, path: string, body?: string, chunked = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(body) }
    const request = http.request({ host: '127.0.0.1', port, agent: false, method, path, headers })
    request.on('error', reject)
    request.once('response', async (answer) => {
      let text = ''
      for await (const chunk of answer) text += chunk
      resolve({ status: answer.statusCode ?? 0, body: text })
    })
    request.end(body)
  })
}

async function atTerminal() {
  const running = startAtTerminal(['app', 'login', 'wiki'], env)
  const [, port] = await running.out(/Tunnel open: (?:http:\/\/)?127\.0\.0\.1:(\d+) -> wiki/)
  /** Follows the page as the browser of a person who confirms. */
  const confirm = async () => {
    const [, address = ''] = await running.out(/wiki needs your passkey\.\s+Opening (https:\S+)/)
    const page = new URL(address)
    confirmed = true
    const at = page.searchParams.get('redirect_port')
    await fetch(`http://127.0.0.1:${at}/callback?code=confirmed`)
    return page
  }
  return { running, port: Number(port), confirm }
}

t.test('at a terminal msh opens the page, and sends the requests that waited again', async (t) => {
  const { running, port, confirm } = await atTerminal()
  const waiting = [
    ask(port, 'DELETE', '/admin/1'),
    ask(port, 'POST', '/admin/2', 'x'.repeat(60_000)),
    ask(port, 'PUT', '/admin/3', ''),
  ]
  await until(() => received.length === 3, 'all were refused')
  const page = await confirm()
  t.equal(page.pathname, '/web/confirm')
  t.equal(page.searchParams.get('app'), 'wiki')
  const answers = await Promise.all(waiting)
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 200, 200],
  )
  t.equal(answers[1]?.body, `done ${'x'.repeat(20)}`)
  t.strictSame(received.slice(3).sort(), ['DELETE /admin/1 0', 'POST /admin/2 60000', 'PUT /admin/3 0'])
  const { out } = await running.stop()
  t.equal(out.match(/Opening https:/g)?.length, 1, 'one page for all of them')
})

t.test('a refusal that arrives after the confirmation opens no second page', async (t) => {
  const { running, port, confirm } = await atTerminal()
  const waiting = [ask(port, 'DELETE', '/admin/1'), ask(port, 'DELETE', '/late')]
  await until(() => received.length === 2, 'both are at the hub')
  await confirm()
  t.equal((await waiting[0])?.status, 200)
  late.resolve()
  t.equal((await waiting[1])?.status, 200)
  const { out } = await running.stop()
  t.equal(out.match(/Opening https:/g)?.length, 1, 'one page for both')
})

t.test(
  'a longer request gets the response of the hub, and the page opens for the next attempt',
  async (t) => {
    const { running, port, confirm } = await atTerminal()
    t.match(await ask(port, 'POST', '/admin', 'x'.repeat(70_000)), { status: 403, body: /challenge_url/ })
    t.strictSame(received, ['refused POST /admin'])
    await confirm()
    t.match(await ask(port, 'POST', '/admin', 'x'.repeat(70_000)), { status: 200 })
    await running.stop()
  },
)

t.test('a WebSocket and a call of HTTP/2 open the page, too', async (t) => {
  for (const kind of ['websocket', 'http2']) {
    confirmed = false
    const { running, port, confirm } = await atTerminal()
    if (kind === 'websocket') {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/live`)
      const [error] = await once(ws, 'error')
      t.match(error.message, /403/)
    } else {
      const session = connectHttp2(`http://127.0.0.1:${port}`)
      session.on('error', () => {})
      const stream = session.request({ ':method': 'GET', ':path': '/call' })
      t.match(await once(stream, 'response'), [{ ':status': 403 }])
      session.destroy()
    }
    t.equal((await confirm()).pathname, '/web/confirm', kind)
    await running.stop()
  }
})

t.test('without a terminal the address is printed, and the response of the hub passes at once', async (t) => {
  const msh = await openApps(['wiki'], env)
  const answer = await ask(msh.ports.wiki!, 'DELETE', '/admin/1')
  t.match(answer, { status: 403, body: /challenge_url/ })
  await msh.err(
    /wiki needs your passkey: open https:\S+\/web\/confirm\?session=\S+&app=wiki in a browser, then try again/,
  )
  t.strictSame(received, ['refused DELETE /admin/1'], 'nothing is sent again')
  await msh.stop()
})
