import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Json = Record<string, unknown>

/** Ways to misbehave; the issuer behaves correctly where a member is not set. */
export interface Misbehaviour {
  discovery?: (document: Json) => void
  /** Changes the parameters of the redirect back. */
  authorize?: (parameters: URLSearchParams) => void
  /** Changes claims and header, or returns a whole token. */
  idToken?: (claims: Json, header: Json) => string | undefined
  userinfo?: (claims: Json) => void
  /** Rejects a token request; `authorization` is as sent. Undefined: responds normally. */
  token?: (authorization: string, form: URLSearchParams) => { status: number; body: Json } | undefined
  /** Handles a request instead of the issuer; returns true if it did. */
  takeOver?: (path: string, response: ServerResponse) => boolean
}

const json = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * A small OpenID provider on loopback that signs `person` in without asking, and can misbehave on request. With the scope
 * `offline_access` it gives refresh tokens.
 */
export class FakeIssuer {
  /** Claims of the next person who signs in. */
  person: Json = {
    sub: 'alice-1',
    email: 'alice@example.com',
    email_verified: true,
    groups: ['platform-team'],
  }
  misbehave: Misbehaviour = {}
  /** The clock that dates its tokens, in milliseconds since the epoch. */
  now = (): number => Date.now()
  readonly clientId = 'mezite'
  /** Contains the characters that some providers do not decode. */
  readonly clientSecret = `-_.~${randomBytes(16).toString('base64url')}`
  /** Number of requests by path. */
  readonly asked = new Map<string, number>()
  /** Queries of all authorization requests. */
  readonly authorizations: URLSearchParams[] = []
  readonly #server = createServer((request, response) => {
    this.#respond(request, response).catch(() => response.destroy())
  })
  readonly #codes = new Map<string, { query: URLSearchParams; person: Json }>()
  readonly #tokens = new Map<string, Json>()
  readonly #refreshTokens = new Set<string>()
  #key: { kid: string; privateKey: KeyObject; publicKey: KeyObject } = newKey()

  static async start(): Promise<FakeIssuer> {
    const issuer = new FakeIssuer()
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve))
    return issuer
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The `spec` of a connector document for this provider, without rules. */
  get spec() {
    return { issuer_url: this.url, client_id: this.clientId, client_secret: { value: this.clientSecret } }
  }

  rotateKey(): void {
    this.#key = newKey()
  }

  publicJwk(): Json {
    const { kid, publicKey } = this.#key
    return { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
  }

  /** Signs claims with the current key. */
  sign(claims: Json, header: Json = {}): string {
    return this.signer()(claims, header)
  }

  /** A function that keeps signing with the current key, even after a rotation. */
  signer(): (claims: Json, header?: Json) => string {
    const { kid, privateKey } = this.#key
    return (claims, header = {}) => {
      const text = `${encode({ alg: 'RS256', typ: 'JWT', kid, ...header })}.${encode(claims)}`
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
    }
  }

  /** Signs with HS256 and the public key as the secret: an algorithm confusion attack. */
  signConfused(claims: Json): string {
    const text = `${encode({ alg: 'HS256', typ: 'JWT', kid: this.#key.kid })}.${encode(claims)}`
    const pem = this.#key.publicKey.export({ format: 'pem', type: 'spki' })
    return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const path = url.pathname
    this.asked.set(path, (this.asked.get(path) ?? 0) + 1)
    if (this.misbehave.takeOver?.(path, response)) return
    if (path === '/.well-known/openid-configuration') return this.#discover(response)
    if (path === '/jwks') return void json(response, { keys: [this.publicJwk()] })
    if (path === '/authorize') return this.#authorize(url.searchParams, response)
    if (path === '/token') return this.#token(request, response)
    if (path === '/userinfo') {
      const person = { ...this.#tokens.get((request.headers.authorization ?? '').replace(/^Bearer /i, '')) }
      this.misbehave.userinfo?.(person)
      return void json(response, person)
    }
    response.writeHead(404).end()
  }

  #discover(response: ServerResponse): void {
    const document: Json = {
      issuer: this.url,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/token`,
      userinfo_endpoint: `${this.url}/userinfo`,
      jwks_uri: `${this.url}/jwks`,
      end_session_endpoint: `${this.url}/end`,
      response_types_supported: ['code'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    }
    this.misbehave.discovery?.(document)
    json(response, document)
  }

  #authorize(query: URLSearchParams, response: ServerResponse): void {
    this.authorizations.push(query)
    const code = randomBytes(16).toString('base64url')
    this.#codes.set(code, { query, person: { ...this.person } })
    const back = new URL(query.get('redirect_uri') ?? '')
    const parameters = new URLSearchParams({ code, state: query.get('state') ?? '', iss: this.url })
    this.misbehave.authorize?.(parameters)
    back.search = parameters.toString()
    response.writeHead(302, { location: back.href }).end()
  }

  async #token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const form = new URLSearchParams(body)
    const refusal = this.misbehave.token?.(request.headers.authorization ?? '', form)
    if (refusal) return void json(response, refusal.body, refusal.status)
    // Both halves are form-encoded (RFC 6749 section 2.3.1).
    const basic = Buffer.from((request.headers.authorization ?? '').slice(6), 'base64').toString()
    const [id, secret] = basic
      ? basic.split(':').map(decodeURIComponent)
      : [form.get('client_id'), form.get('client_secret')]
    if (id !== this.clientId || secret !== this.clientSecret)
      return void json(response, { error: 'invalid_client' }, 401)
    if (form.get('grant_type') === 'refresh_token') {
      // Each is good for one use; the claims are those of now.
      if (!this.#refreshTokens.delete(form.get('refresh_token') ?? ''))
        return void json(response, { error: 'invalid_grant' }, 400)
      return this.#issue(response, { person: this.person, offline: true })
    }
    const granted = this.#codes.get(form.get('code') ?? '')
    this.#codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (!granted || granted.query.get('code_challenge') !== challenge) {
      return void json(response, { error: 'invalid_grant' }, 400)
    }
    const more = { nonce: granted.query.get('nonce'), sid: `sid-${randomBytes(6).toString('hex')}` }
    const offline = (granted.query.get('scope') ?? '').split(' ').includes('offline_access')
    this.#issue(response, { person: granted.person, more, offline })
  }

  #issue(
    response: ServerResponse,
    { person, more = {}, offline }: { person: Json; more?: Json; offline: boolean },
  ): void {
    const now = Math.floor(this.now() / 1_000)
    const claims: Json = { iss: this.url, aud: this.clientId, iat: now, exp: now + 300, ...more, ...person }
    const header: Json = {}
    const idToken = this.misbehave.idToken?.(claims, header) ?? this.sign(claims, header)
    const accessToken = randomBytes(16).toString('base64url')
    this.#tokens.set(accessToken, person)
    const refreshToken = offline ? randomBytes(16).toString('base64url') : undefined
    if (refreshToken !== undefined) this.#refreshTokens.add(refreshToken)
    json(response, {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      id_token: idToken,
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    })
  }
}

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid: randomBytes(6).toString('hex'), privateKey, publicKey }
}
