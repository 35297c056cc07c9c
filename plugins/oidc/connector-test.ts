import type { PublicNames } from '@mezite/core'
import { createBoundedFetch } from '@mezite/core/identity'
import { asClient, isClientRefused } from './client-authentication.ts'
import { type Connector, callbackUrl } from './connectors.ts'
import { type Provider, type Providers, words } from './providers.ts'

export interface Check {
  readonly name: string
  /** `warn`: sign-in may still work. */
  readonly result: 'ok' | 'warn' | 'fail'
  readonly detail: string
}

export interface ConnectorReport {
  readonly ok: boolean
  readonly connector: string
  readonly issuer: string
  /** The redirect URI to register at the provider. */
  readonly redirect_uri: string
  readonly post_logout_redirect_uri: string
  readonly backchannel_logout_uri: string
  /** The page where an administrator signs in for a test and sees claims and roles. */
  readonly sign_in_test_uri: string
  readonly checks: readonly Check[]
}

/** Tries everything that works without a person: discovery, keys, features, and the client's credentials. */
export async function testConnector(
  connector: Connector,
  deps: { providers: Providers; publicNames: PublicNames },
): Promise<ConnectorReport> {
  const { publicNames, providers } = deps
  const checks: Check[] = []
  const { issuer_url: issuer } = connector.document.spec
  try {
    const provider = await providers.of(connector)
    checks.push({ name: 'discovery', result: 'ok', detail: `issuer ${provider.metadata.issuer}` })
    checks.push(await keysCheck(connector, provider))
    checks.push(...featureChecks(connector, provider))
    checks.push(await credentialsCheck(provider, callbackUrl(publicNames, connector.name)))
  } catch (error) {
    checks.push({ name: 'discovery', result: 'fail', detail: words(error) })
  }
  return {
    ok: checks.every(({ result }) => result !== 'fail'),
    connector: connector.name,
    issuer,
    redirect_uri: callbackUrl(publicNames, connector.name),
    post_logout_redirect_uri: `${publicNames.signInOrigin}/web/signed-out`,
    backchannel_logout_uri: `${publicNames.hubOrigin}/v1/webapi/oidc/backchannel-logout/${connector.name}`,
    sign_in_test_uri: `${publicNames.signInOrigin}/web/oidc/test/${connector.name}`,
    checks,
  }
}

async function keysCheck({ document }: Connector, { metadata }: Provider): Promise<Check> {
  const name = 'keys'
  try {
    const response = await createBoundedFetch(document.spec.issuer_url)(metadata.jwks_uri as string)
    const { keys } = (await response.json()) as { keys?: unknown }
    if (Array.isArray(keys) && keys.length > 0)
      return { name, result: 'ok', detail: `${keys.length} published` }
    return { name, result: 'fail', detail: `${metadata.jwks_uri} does not contain a key` }
  } catch (error) {
    return { name, result: 'fail', detail: words(error) }
  }
}

function featureChecks({ document }: Connector, { metadata, algorithms }: Provider): Check[] {
  const pkce = metadata.code_challenge_methods_supported
  const offered = metadata.scopes_supported
  const missing = document.spec.scopes.filter((scope) => offered && !offered.includes(scope))
  type Feature = { ok: boolean; detail?: string } & ({ warn: string } | { fail: string })
  const checked = (name: string, { ok, detail = 'yes', ...otherwise }: Feature): Check => {
    if (ok) return { name, result: 'ok', detail }
    return 'fail' in otherwise
      ? { name, result: 'fail', detail: otherwise.fail }
      : { name, result: 'warn', detail: otherwise.warn }
  }
  return [
    checked('signatures', {
      ok: algorithms.length > 0,
      detail: algorithms.join(', '),
      fail: 'the provider offers no accepted algorithm',
    }),
    checked('pkce', {
      ok: pkce?.includes('S256') === true,
      detail: 'S256',
      warn: 'the provider does not announce S256; the hub uses it anyway',
    }),
    checked('scopes', {
      ok: missing.length === 0,
      detail: document.spec.scopes.join(' '),
      warn: `the provider does not announce: ${missing.join(' ')}`,
    }),
    checked('userinfo', {
      ok: Boolean(metadata.userinfo_endpoint),
      warn: 'none: claims come from the ID token only',
    }),
    checked('logout', {
      ok: Boolean(metadata.end_session_endpoint),
      warn: 'signing out ends only the session at the hub',
    }),
    checked('backchannel-logout', {
      ok: metadata.backchannel_logout_supported === true,
      warn: 'the provider cannot end sessions at the hub',
    }),
  ]
}

/** RFC 6749 section 5.2, and what Glewlwyd returns instead. */
const CODE_REFUSED: ReadonlySet<string> = new Set(['invalid_grant', 'invalid_code'])

/** A made-up code: `invalid_grant` means that the provider accepted the client and refused only the code. */
async function credentialsCheck({ methods, metadata }: Provider, redirect: string): Promise<Check> {
  const name = 'credentials'
  const tried: string[] = []
  try {
    const { authorizationCodeGrant, randomPKCECodeVerifier } = await import('openid-client')
    const url = new URL(`${redirect}?code=mezite-connection-test&state=test`)
    url.searchParams.set('iss', metadata.issuer)
    await asClient(methods, ({ name, config }) => {
      tried.push(name)
      return authorizationCodeGrant(config, url, {
        expectedState: 'test',
        pkceCodeVerifier: randomPKCECodeVerifier(),
      })
    })
    return { name, result: 'warn', detail: `${tried.at(-1)}: the provider accepted a made-up code` }
  } catch (error) {
    if (CODE_REFUSED.has(String((error as { error?: unknown }).error))) {
      const before = tried.slice(0, -1)
      const refused = before.length === 0 ? '' : `, after ${before.join(' and ')} was refused`
      return { name, result: 'ok', detail: `accepted (${tried.at(-1)}${refused})` }
    }
    if (isClientRefused(error)) {
      const detail = `refused (${tried.join(', ')}): check client_id and client_secret; ${words(error)}`
      return { name, result: 'fail', detail }
    }
    return { name, result: 'warn', detail: `${tried.at(-1)}: ${words(error)}` }
  }
}
