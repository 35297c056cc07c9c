import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Log, messageOf } from '@mezite/core'
import type { SigningKeys } from '@mezite/core/identity'
import type Provider from 'oidc-provider'
import type { Configuration } from 'oidc-provider'
import { type Call, calls } from './calls.ts'
import { ACCESS_TOKEN, REFRESH_TOKEN } from './credential.ts'
import type { Library } from './library.ts'

/** The authorization server as the routes use it. */
export interface Server {
  /** The library with the keys of now. */
  provider(): Provider
  /** Runs an endpoint of the library. Responds itself. */
  serve(request: IncomingMessage, response: ServerResponse, call: Call): Promise<void>
}

/** Runs the library, which reads its keys only once: it is made again when the keys have changed. */
export function createServer(options: {
  readonly library: Library
  readonly issuer: string
  readonly configuration: Omit<Configuration, 'jwks'>
  readonly keys: Pick<SigningKeys, 'all' | 'current'>
  /** Called with each new instance: adds grant types and listeners. */
  readonly prepare: (provider: Provider) => void
  readonly log: Log
}): Server {
  const { library, issuer, configuration, keys, prepare, log } = options
  let made: {
    readonly version: string
    readonly provider: Provider
    readonly handle: ReturnType<Provider['callback']>
  } | null = null

  function current() {
    const signing = keys.current()
    if (signing === undefined) throw new Error('there is no key for tokens yet')
    // The first key that fits signs.
    const all = [signing, ...keys.all().filter(({ kid }) => kid !== signing.kid)]
    const version = all.map(({ kid }) => kid).join(' ')
    if (made?.version === version) return made
    const provider = new library.Provider(issuer, {
      ...configuration,
      jwks: {
        keys: all.map(({ kid, privateKey }) => ({
          ...privateKey.export({ format: 'jwk' }),
          kid,
          alg: 'RS256',
          use: 'sig',
        })) as never,
      },
    })
    // Its URLs come from these headers, which the route sets: a client's Host never counts.
    provider.proxy = true
    prefixTokens(provider.AccessToken, ACCESS_TOKEN)
    prefixTokens(provider.RefreshToken, REFRESH_TOKEN)
    keepConsent(provider.Grant)
    prepare(provider)
    // An event of Koa, which would otherwise print the error.
    ;(provider as NodeJS.EventEmitter).on('error', (error: unknown) =>
      log.warn({ cause: messageOf(error) }, 'a request to the authorization server failed'),
    )
    provider.on('server_error', (_ctx, error) =>
      log.error({ cause: messageOf(error) }, 'the authorization server failed'),
    )
    made = { version, provider, handle: provider.callback() }
    return made
  }

  return {
    provider: () => current().provider,
    async serve(request, response, call) {
      const { handle } = current()
      const { host, protocol } = new URL(issuer)
      Object.assign(request.headers, {
        'x-forwarded-host': host,
        'x-forwarded-proto': protocol.slice(0, -1),
        'x-forwarded-for': call.clientIp,
      })
      await calls.run(call, () => handle(request, response))
    },
  }
}

/** Makes new tokens of this model start with the prefix, followed by 256 random bits. */
function prefixTokens(model: { readonly prototype: object }, prefix: string): void {
  const prototype = model.prototype as { generateTokenId(): string }
  const { generateTokenId } = prototype
  prototype.generateTokenId = function () {
    return prefix + generateTokenId.call(this)
  }
}

/** Stores the member `consent` with grants. */
function keepConsent(model: object): void {
  const { IN_PAYLOAD } = model as { readonly IN_PAYLOAD: readonly string[] }
  Object.defineProperty(model, 'IN_PAYLOAD', { value: [...IN_PAYLOAD, 'consent'] })
}
