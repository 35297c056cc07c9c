import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'

export interface RealProvider {
  readonly url: string
  /** Claims of whoever signs in next, by `sub`. */
  readonly people: Map<string, Readonly<Record<string, unknown>>>
  /** `sub` of whoever signs in next. */
  signsIn: string
  /** How often somebody had to say who they are. */
  readonly asked: number
  close(): Promise<void>
}

/** oidc-provider in this process, on loopback, that asks nobody for a password. `ca`: of the hub that it tells of logouts. */
export async function startProvider(clients: readonly ClientMetadata[], ca: string): Promise<RealProvider> {
  const people: RealProvider['people'] = new Map()
  const state = { signsIn: 'alice', asked: 0 }
  let handle: ReturnType<Provider['callback']> | undefined
  let provider: Provider | undefined
  const server = createServer((request, response) => {
    const answer = async () => {
      if (!request.url?.startsWith('/sign-in/')) return handle?.(request, response)
      state.asked++
      await provider?.interactionFinished(request, response, { login: { accountId: state.signsIn } })
    }
    answer().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const toHub = loopbackFetch(ca)
  const configuration: Configuration = {
    clients: [...clients],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    conformIdTokenClaims: false,
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'first' }] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    pkce: { required: () => true },
    fetch: (address, options) => toHub(String(address), options as never),
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
    loadExistingGrant: async (ctx) => {
      const { provider: own, client, session } = ctx.oidc
      const grant = new own.Grant({ clientId: client!.clientId, accountId: session!.accountId! })
      grant.addOIDCScope('openid email profile groups')
      await grant.save()
      return grant
    },
  }
  provider = new Provider(url, configuration)
  handle = provider.callback()
  return {
    url,
    people,
    get signsIn() {
      return state.signsIn
    },
    set signsIn(sub: string) {
      state.signsIn = sub
    },
    get asked() {
      return state.asked
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
