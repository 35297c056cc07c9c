/**
 * An application that shows its caller. It trusts only the signed assertion, which it verifies with the hub's public keys.
 * Environment: HUB_URL, HUB_CA (PEM file), APP_NAME, PORT (0 or missing: a free one). It prints the port.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, customFetch, type JWTPayload, jwtVerify } from 'jose'
import { loopbackFetch } from '../loopback-fetch.ts'

const { PORT = '0', HUB_URL, HUB_CA, APP_NAME } = process.env
if (!HUB_URL || !HUB_CA || !APP_NAME) throw new Error('HUB_URL, HUB_CA and APP_NAME must be set')

const keys = createRemoteJWKSet(new URL('/workload-identity/app-jwt-jwks.json', HUB_URL), {
  [customFetch]: loopbackFetch(readFileSync(HUB_CA, 'utf8')),
})

async function verify(request: IncomingMessage): Promise<JWTPayload> {
  const assertion = request.headers['mezite-jwt-assertion']
  if (typeof assertion !== 'string') throw new Error('the request carries no assertion')
  const { payload } = await jwtVerify(assertion, keys, {
    algorithms: ['ES256'],
    issuer: HUB_URL!,
    // The app's URI as it is registered.
    audience: `http://127.0.0.1:${port()}`,
  })
  // Two applications can share a URI and so an audience; the app claim distinguishes them.
  if (payload.app !== APP_NAME) throw new Error(`the assertion is for the app ${String(payload.app)}`)
  return payload
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

function page(claims: JWTPayload): string {
  const rows = Object.entries(claims)
    .map(([name, value]) => {
      const shown = typeof value === 'string' ? value : JSON.stringify(value)
      return `<tr><th>${escaped(name)}</th><td>${escaped(shown)}</td></tr>`
    })
    .join('')
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Identity</title><style>:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:8vh auto;padding:0 1rem;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #8884;overflow-wrap:anywhere}
a{color:light-dark(#1d4ed8,#93c5fd)}</style>
<h1>Hello, ${escaped(String(claims.sub))}</h1>
<p>This application listens on 127.0.0.1 only. The hub signed these claims, and the application verified them.</p>
<table>${rows}</table><p><a href="/.mezite/logout">Sign out of this app</a></p>
<script src="/.mezite/session.js" defer></script></html>`
}

const server = createServer((request, response) => {
  verify(request).then(
    (claims) => {
      if (request.url === '/claims') {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(claims))
        return
      }
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page(claims))
    },
    (error: Error) => {
      response.writeHead(401, { 'content-type': 'text/plain' }).end(`Not verified: ${error.message}\n`)
    },
  )
})
const port = (): number => (server.address() as AddressInfo).port
server.listen(Number(PORT), '127.0.0.1', () => process.stdout.write(`ready ${port()}\n`))
process.on('SIGTERM', () => process.exit(0))
