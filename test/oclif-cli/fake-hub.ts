/** A stand-in for the hub's JSON API, on a Unix socket and on HTTPS, with its state in memory. */
import { createHash, randomUUID, webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import Fastify, { type FastifyInstance } from 'fastify'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly body: unknown
  readonly authorization: string | undefined
}

export interface FakeHub {
  /** Contains `admin.sock` and `ca.pem`. */
  readonly dir: string
  readonly caFile: string
  /** Port of the HTTPS listener on 127.0.0.1, for `hub.localhost`. */
  readonly port: number
  readonly seen: Seen[]
  /** The responses to GET, by path without query. */
  readonly answers: Map<string, unknown>
  readonly events: Record<string, unknown>[]
  /** Sends an event to everyone who follows the audit trail. */
  sendEvent(event: Record<string, unknown>): void
  /** Breaks every connection that follows the audit trail. */
  cutTails(): void
  /** Resolves at the next connection that follows the audit trail. */
  tailed(): Promise<void>
  stop(): Promise<void>
}

export const TOKEN = 'cli-token-of-alice'
const at = '2026-11-25T08:00:00.000Z'

/** Starts it on a fresh folder; `stop` removes the folder. */
export async function startFakeHub(): Promise<FakeHub> {
  const dir = mkdtempSync(join(tmpdir(), 'mezctl-'))
  const { cert, key, ca } = await certificates()
  const caFile = join(dir, 'ca.pem')
  writeFileSync(caFile, ca)
  const seen: Seen[] = []
  const answers = new Map<string, unknown>()
  const events: Record<string, unknown>[] = []
  const tails = new Set<import('node:http').ServerResponse>()
  const codes = new Map<string, string>()
  let onTail: (() => void)[] = []

  function routes(server: FastifyInstance, secure: boolean): void {
    server.addHook('onRequest', async (request, reply) => {
      const open = request.url.startsWith('/web/') || request.url === '/v1/webapi/cli/token'
      if (secure && !open && request.headers.authorization !== `Bearer ${TOKEN}`) {
        return reply
          .code(401)
          .type('application/problem+json')
          .send({ code: 'unauthenticated', status: 401, detail: 'Sign in.' })
      }
    })
    server.addHook('preHandler', async ({ method, url, body, headers }) => {
      seen.push({ method, url, body: body ?? null, authorization: headers.authorization })
    })
    const problem = (status: number, code: string, detail: string, more: object = {}) =>
      Object.assign(new Error(detail), {
        statusCode: status,
        problem: { type: 'about:blank', title: code, status, code, detail, request_id: 'r1', ...more },
      })
    server.setErrorHandler((error, _request, reply) => {
      const document = (error as { problem?: object }).problem
      return reply
        .code((error as { statusCode?: number }).statusCode ?? 500)
        .type('application/problem+json')
        .send(JSON.stringify(document ?? { code: 'internal_error' }))
    })
    const api = '/v1/webapi'
    server.get<{ Querystring: Record<string, string> }>(`${api}/audit`, async ({ query }) => {
      const limit = Number(query.limit)
      const placeOf = (id: string) => events.findIndex((event) => event.id === id)
      if (query.after) return events.slice(placeOf(query.after) + 1).slice(0, limit)
      return events.slice(0, query.before ? placeOf(query.before) : undefined).slice(-limit)
    })
    server.get(`${api}/audit/tail`, (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'application/x-ndjson' })
      reply.raw.flushHeaders()
      tails.add(reply.raw)
      reply.raw.on('close', () => tails.delete(reply.raw))
      for (const resolve of onTail.splice(0)) resolve()
    })
    server.get(`${api}/auth/export/app-jwt`, async () => ({ keys: [{ kid: 'k1' }] }))
    server.get(`${api}/auth/export/hub-ca`, async (_request, reply) =>
      reply.type('application/x-pem-file').send(ca),
    )
    server.post(`${api}/tokens`, async () => ({
      id: 't1',
      token: 'secret',
      ca_pin: 'sha256:ab',
      command: 'mezd start --proxy h',
    }))
    server.post(`${api}/api-tokens`, async ({ body }) => ({
      id: 'a1',
      token: 'secret',
      expires: at,
      ...(body as object),
    }))
    server.post(`${api}/auth/rotate/:type`, async ({ params }) => {
      const type = (params as { type: string }).type
      if (type === 'app-jwt') return { type, keys: [{ kid: 'k2', state: 'coming', signs_from: at }] }
      if (type === 'hub-ca') throw problem(409, 'rotation_waiting', 'switch would shut out agent node-1.')
      return answers.get('/auth/rotate/agent-ca')
    })
    server.post(`${api}/locks`, async ({ body }) => ({
      id: 'l1',
      cut: { streams: 14, hubs: 2, ms: 212 },
      created: at,
      expires: null,
      ...(body as object),
    }))
    server.post(`${api}/connectors/test`, async ({ body }) => ({
      redirect_uri: 'https://a',
      ok: (body as { spec: { client_id?: string } }).spec.client_id === 'good',
      checks: [{ name: 'credentials', result: 'ok', detail: 'accepted' }],
    }))
    server.post(`${api}/connectors/:name/test`, async ({ params }) => ({
      redirect_uri: 'https://a',
      post_logout_redirect_uri: 'https://b',
      backchannel_logout_uri: 'https://c',
      ok: (params as { name: string }).name === 'good',
      checks: [
        {
          name: 'discovery',
          result: (params as { name: string }).name === 'good' ? 'ok' : 'fail',
          detail: 'asked \u001b[31m',
        },
      ],
    }))
    server.post(`${api}/apps`, async ({ body }) => {
      const { name } = (body as { metadata: { name: string } }).metadata
      if (name === 'taken') throw problem(409, 'app_exists', 'An app of that name exists.')
      return { ...(body as object), status: { url: `https://${name.replace('/', '')}:8443/` } }
    })
    for (const collection of ['apps', 'roles', 'connectors']) {
      server.put(`${api}/${collection}/:name`, async ({ body, params }) => {
        const { name } = params as { name: string }
        if (name === 'bad') {
          throw problem(422, 'invalid_document', 'no', {
            problems: [{ path: '/spec/allow/app_labels', message: 'must be a mapping' }],
          })
        }
        return { created: name !== 'old', resource: body }
      })
    }
    server.post(`${api}/cli/token`, async ({ body }) => {
      const { code, verifier } = body as { code: string; verifier: string }
      const challenge = createHash('sha256').update(verifier).digest('base64url')
      if (codes.get(code) !== challenge) throw problem(400, 'code_invalid', 'The code is not known.')
      codes.delete(code)
      return {
        token: TOKEN,
        expires: new Date(Date.now() + 3_600_000).toISOString(),
        user: 'alice',
        cluster: 'test',
        hub_ca: ca,
      }
    })
    // The click on "Allow": the redirect to loopback, or the code to paste.
    server.get<{ Querystring: Record<string, string> }>('/web/cli', async ({ query }, reply) => {
      const code = randomUUID()
      codes.set(code, query.challenge!)
      if (query.redirect_port)
        return reply.redirect(`http://127.0.0.1:${query.redirect_port}/callback?code=${code}`)
      return code
    })
    server.get(`${api}/*`, async ({ url }) => {
      const asked = decodeURIComponent(url.slice(api.length))
      const found =
        answers.get(asked) ?? answers.get(decodeURIComponent(url.split('?')[0]!.slice(api.length)))
      if (found === undefined && url.startsWith(`${api}/traffic`))
        throw problem(404, 'not_found', 'There is nothing at this address.')
      if (found === undefined)
        throw problem(404, 'thing_not_found', 'There is no such thing: \u001b[2J\u202e.')
      return found
    })
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      server.route({ method, url: `${api}/*`, handler: async (_request, reply) => reply.code(204).send() })
    }
  }

  const local = Fastify({ forceCloseConnections: true })
  const remote = Fastify({ forceCloseConnections: true, https: { key, cert } })
  routes(local, false)
  routes(remote as unknown as FastifyInstance, true)
  await local.listen({ path: join(dir, 'admin.sock') })
  await remote.listen({ port: 0, host: '127.0.0.1' })
  return {
    dir,
    caFile,
    port: (remote.server.address() as AddressInfo).port,
    seen,
    answers,
    events,
    sendEvent(event) {
      for (const tail of tails) tail.write(`${JSON.stringify(event)}\n`)
    },
    cutTails() {
      for (const tail of tails) tail.destroy()
    },
    tailed: () => new Promise((resolve) => onTail.push(resolve)),
    async stop() {
      for (const tail of tails) tail.destroy()
      onTail = []
      await Promise.all([local.close(), remote.close()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function certificates(): Promise<{ cert: string; key: string; ca: string }> {
  x509.cryptoProvider.set(webcrypto as never)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const [authority, server] = await Promise.all(
    [0, 1].map(() => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])),
  )
  const notAfter = new Date(Date.now() + 86_400_000)
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test CA',
    keys: authority as never,
    signingAlgorithm: algorithm,
    notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  const cert = await x509.X509CertificateGenerator.create({
    subject: 'CN=hub.localhost',
    issuer: ca.subject,
    publicKey: server!.publicKey as never,
    signingKey: authority!.privateKey as never,
    signingAlgorithm: algorithm,
    notAfter,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'hub.localhost' }])],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', server!.privateKey)).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`
  return { cert: cert.toString('pem'), key, ca: ca.toString('pem') }
}
