/** A running hub with an app whose document opens paths, and senders of requests to it. */
import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { startTcpHub } from '../tcp-apps/start-tcp-hub.ts'
import { senders } from './senders.ts'

export const SECRET = 'one secret of every sender here'
const folder = mkdtempSync(join(tmpdir(), 'mezite-public-'))
const file = join(folder, 'secret')
writeFileSync(file, `${SECRET}\n`, { mode: 0o600 })
/** The key of Standard Webhooks has a form of its own. */
const standard = join(folder, 'standard')
writeFileSync(standard, senders['standard-webhooks']!.secret, { mode: 0o600 })

export const tcp = await startTcpHub({
  config: {
    plugins: {
      'authorization-server': { enabled: true },
      'public-paths': { secrets: { sender: { file }, standard: { file: standard } } },
    },
  },
})
export const { hub } = tcp
export const received: { line: string; headers: IncomingHttpHeaders; body: string }[] = []
const web = createServer((request, response) => {
  let body = ''
  request.setEncoding('latin1').on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    received.push({ line: `${request.method} ${request.url}`, headers: request.headers, body })
    response.end('hello')
  })
})
web.on('upgrade', (request, socket) => {
  received.push({ line: `websocket ${request.url}`, headers: request.headers, body: '' })
  socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
})
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
/** Ends what this file has started. */
export async function stop(): Promise<void> {
  web.closeAllConnections()
  web.close()
  await tcp.stop()
  rmSync(folder, { recursive: true })
}

const hook = (preset: string, more = {}) => ({
  name: preset,
  methods: ['POST'],
  paths: [`/hooks/${preset}`],
  verify: { hmac: { preset, secret: preset === 'standard-webhooks' ? 'standard' : 'sender' } },
  ...more,
})
export const rules = [
  ...['github', 'gitlab', 'stripe', 'slack', 'standard-webhooks'].map((preset) => hook(preset)),
  {
    name: 'feed',
    methods: ['GET'],
    paths: ['/feed'],
    verify: { secret_header: { header: 'X-Feed-Key', secret: 'sender' } },
  },
  { name: 'office', methods: ['GET'], paths: ['/office/**'], verify: { networks: ['127.0.0.0/8'] } },
  { name: 'elsewhere', methods: ['GET'], paths: ['/elsewhere'], verify: { networks: ['192.0.2.0/24'] } },
  { name: 'assets', methods: ['GET', 'HEAD', 'POST'], paths: ['/assets/**'], verify: 'anyone' },
  { name: 'few', methods: ['GET'], paths: ['/few'], verify: 'anyone', rate: '1/m' },
]
export const document = (name: string, plugins: object) => ({
  kind: 'app',
  version: 'v1',
  metadata: { name, labels: { team: 'platform' } },
  spec: { uri: `http://127.0.0.1:${(web.address() as AddressInfo).port}`, agents: ['node-1'], plugins },
})
await hub.api('PUT', '/apps/web', document('web', { 'public-paths': { rules } }))
await hub.api('PUT', '/apps/plain', document('plain', {}))
export const url = hub.appUrl('web')
const { hostname, port } = new URL(url)
export const { host } = new URL(url)
const outcomeOf = (status: number, body: string) =>
  [status, /"code":"(\w+)"/.exec(body)?.[1]].filter(Boolean).join(' ')

/** What curl gets, as a sender would send it: `openssl dgst` signs. */
export async function curl(path: string, ...more: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', [
    ...['-sS', '--max-time', '20', '--cacert', join(folder, 'ca.pem'), '-w', '\n%{http_code}'],
    ...['--connect-to', `${hostname}:${port}:127.0.0.1:${port}`, '-H', 'Accept: application/json'],
    ...[...more, `${url}${path}`],
  ])
  const at = stdout.lastIndexOf('\n')
  return outcomeOf(Number(stdout.slice(at + 1)), stdout.slice(0, at))
}
writeFileSync(join(folder, 'ca.pem'), [hub.ca].flat().join('\n'))
export const mac = async (text: string) => {
  const child = execFile('openssl', ['dgst', '-sha256', '-hmac', SECRET, '-r'])
  child.stdin?.end(text)
  const [chunk] = await once(child.stdout!, 'data')
  return String(chunk).slice(0, 64)
}
export const now = () => String(Math.floor(Date.now() / 1_000))
export const BODY = '{"action":"opened"}'
export const POST = ['--data-binary', BODY, '-H', 'Content-Type: application/json']

const tls = (ALPNProtocols: string[]) =>
  connectTls({ host: '127.0.0.1', port: Number(port), servername: hostname, ca: hub.ca, ALPNProtocols }).on(
    'error',
    () => {},
  )
/** What a client gets that writes these bytes. */
export async function raw(text: string): Promise<string> {
  const socket = tls(['http/1.1'])
  socket.write(text)
  let all = ''
  for await (const chunk of socket) all += chunk
  return outcomeOf(Number(all.slice(9, 12)), all)
}
export const headOf = (start: string, ...lines: string[]) =>
  [`${start} HTTP/1.1`, `Host: ${host}`, 'Accept: application/json', ...lines, '', ''].join('\r\n')
export async function http2(headers: object, body = ''): Promise<string> {
  const session = connectHttp2(url, { createConnection: () => tls(['h2']) }).on('error', () => {})
  const stream = session.request({ accept: 'application/json', ...headers }, { endStream: body === '' })
  if (body !== '') stream.end(body)
  const [head] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  session.destroy()
  return outcomeOf(Number(head[':status']), text)
}
export const signed = (body: string) => `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`
