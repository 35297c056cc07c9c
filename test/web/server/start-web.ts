import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2, type Settings } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { PublicNames, Subject, WebRoutes } from '@mezite/core'
import type { AppHostProtocol } from '@mezite/core/protocol'
import { createCallers } from '../../../core/gate/access/callers.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { developmentCertificate } from '../../../core/program/parts/development-certificate.ts'
import { createCertificates } from '../../../core/traffic/certificates/certificates.ts'
import { createBrowserServer } from '../../../core/traffic/http/browser-server.ts'
import type { Refusal } from '../../../core/traffic/http/refusal.ts'
import { createListener, type ListenerOptions } from '../../../core/traffic/listener/listener.ts'
import { createErrorPages, refusalPageOf } from '../../../core/web/pages/error-pages.ts'
import { createPages } from '../../../core/web/pages/pages.ts'
import { createWebServer, type WebServerOptions } from '../../../core/web/server/web-server.ts'
import { quietLog } from '../../traffic/listener/quiet-log.ts'

export const names: PublicNames = {
  clusterName: 'test',
  hubOrigin: 'https://hub.mezite.localhost',
  signInOrigin: 'https://hub.mezite.localhost',
  appsDomain: 'apps.mezite.localhost',
  appsDomains: ['apps.mezite.localhost'],
  portSuffix: '',
  appsOidcConnector: null,
}

/** A protocol of apps' hosts that does nothing; tests replace the method that they look at. */
export const appHosts: AppHostProtocol = {
  name: 'apps',
  takes: 'app-hosts',
  request() {},
  upgrade() {},
  stream() {},
  async drain() {},
}

export function subject(user: string, roles: readonly string[]): Subject {
  return { user, roles, kind: 'session', sessionId: user, satisfied: [] }
}

/** Front and web on a free loopback port; the tokens `alice` and `root` are known. */
export async function startWeb(
  routes: readonly WebRoutes[],
  web: Partial<WebServerOptions> = {},
  front: Partial<ListenerOptions> = {},
) {
  const dataDir = mkdtempSync(join(tmpdir(), 'mez-web-'))
  const lines: string[] = []
  const log = quietLog(lines)
  const certificates = createCertificates({
    publicNames: names,
    main: null,
    apps: null,
    develop: (sans) => developmentCertificate(dataDir, sans, systemClock),
    log,
  })
  await certificates.open()
  const view = { fresh: true }
  const pages = createPages({ publicNames: names })
  const theWeb = createWebServer({
    publicNames: names,
    routes,
    hsts: () => true,
    version: '1.2.3',
    revisions: { fresh: () => view.fresh },
    renderError: (page) => createErrorPages(pages, names)('en').error(page),
    signInUrl: (path) => `/web/login?state=${encodeURIComponent(path)}`,
    callers: createCallers({ log }),
    identify: async ({ token }) =>
      token === 'alice' ? subject('alice', ['dev']) : token === 'root' ? subject('root', ['admin']) : null,
    audit: { record: () => {} },
    log,
    ...web,
  })
  await theWeb.start()
  const refusals: Refusal[] = []
  const browsers = createBrowserServer({
    publicNames: names,
    pages,
    refusalPage: refusalPageOf(names, pages.reasonOf),
    web: theWeb.serve,
    protocols: front.protocols ?? [],
    limits: { ...web.limits, ...front.limits },
    refused: (refusal) => refusals.push(refusal),
    log,
  })
  const theFront = createListener({
    listenAddr: '127.0.0.1:0',
    certificates,
    authorities: { hubIdentity: async () => ({ key: '', cert: '' }), bundle: () => [] },
    protocols: [],
    browsers: browsers.accept,
    plainHttp: browsers.refusePlainHttp,
    log,
    ...front,
  })
  const { port } = await theFront.listen()
  const ca = readFileSync(join(dataDir, 'development-ca.pem'), 'utf8')
  /** An HTTP/2 connection to the hub's own host. */
  const openHttp2 = (settings: Settings = {}): ClientHttp2Session => {
    const host = 'hub.mezite.localhost'
    const session = connectHttp2(`https://${host}`, {
      host: '127.0.0.1',
      port,
      servername: host,
      ca,
      settings,
    } as never)
    session.on('error', () => {})
    return session
  }
  /** Sends text over TLS, resolves with everything that came back. */
  const raw = (text: string, servername: string | null = 'hub.mezite.localhost'): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        ca,
        ...(servername === null ? { checkServerIdentity: () => undefined } : { servername }),
      })
      let got = ''
      socket.setTimeout(60_000, () => socket.destroy(new Error(`no answer to ${text}`)))
      socket.on('data', (chunk) => {
        got += chunk
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(got))
      socket.write(text)
    })
  const ask = async (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
    servername: string | null = 'hub.mezite.localhost',
  ) => {
    const all = { host: 'hub.mezite.localhost', connection: 'close', ...headers }
    const length = body === '' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    const answer = await raw(`${method} ${path} HTTP/1.1\r\n${head.join('')}${length}\r\n${body}`, servername)
    const [first = '', ...rest] = answer.split('\r\n\r\n')
    const text = rest.join('\r\n\r\n')
    const json = /^\s*\{/.test(text) ? JSON.parse(text) : undefined
    return { status: Number(first.slice(9, 12)), head: first.toLowerCase(), text, json }
  }
  return {
    ask,
    raw,
    openHttp2,
    port,
    dataDir,
    lines,
    view,
    web: theWeb,
    browsers,
    /** Requests that the host router or the parser refused. */
    refusals,
    front: theFront,
    ca,
    async stop() {
      await theFront.close()
      browsers.close()
      await theWeb.close()
      certificates.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
