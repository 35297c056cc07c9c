import { createHash } from 'node:crypto'
import type { App, Clock, Log } from '@mezite/core'
import { withoutEndSlash } from '@mezite/core/identity'
import { addressKey, type RateLimit } from '@mezite/core/protocol'
import type { UnidentifiedRequest, Verification, Verifier } from '@mezite/core/types'
import type { Authority } from './authority.ts'
import { provesSender } from './client-certificate.ts'
import type { Check, Rule } from './rules.ts'
import { isSecret, isSigned, keyOf, type Presented, readHead } from './signature.ts'
import type { Uses } from './uses.ts'

/** What the verifier needs. */
export interface VerifierNeeds {
  /** The rules of the app. Throws if its document has rules that cannot be read. */
  readonly rulesOf: (app: App) => readonly Rule[]
  /** By the names that rules use. */
  readonly secrets: ReadonlyMap<string, string>
  /** By the names that rules use. */
  readonly authorities: ReadonlyMap<string, Authority>
  /** Gets the ids of apps whose senders come through a proxy that keeps their certificates. */
  readonly proxied: Set<string>
  readonly rates: RateLimit
  readonly uses: Uses
  readonly clock: Clock
  readonly log: Log
}

/** Admits requests to the paths that the documents of apps open, by what their rules ask for. */
export function createVerifier(name: string, needs: VerifierNeeds): Verifier {
  const { authorities, rates, secrets, uses, clock, log } = needs
  const unreadable = new WeakSet<App>()

  function rulesOf(app: App): readonly Rule[] {
    try {
      return needs.rulesOf(app)
    } catch (error) {
      if (!unreadable.has(app)) log.error({ app: app.name, error: String(error) }, 'rules cannot be read')
      unreadable.add(app)
      return []
    }
  }

  function showsCertificate({ app, certificate, certificateFault }: UnidentifiedRequest): boolean {
    if (certificateFault === 'TRUSTED_PROXY') needs.proxied.add(app.id)
    return certificate !== undefined || (certificateFault ?? 'TRUSTED_PROXY') !== 'TRUSTED_PROXY'
  }

  /** What the rule says about a request that its methods and paths fit; null: the request does not try to prove anything. */
  function outcomeOf(rule: Rule, request: UnidentifiedRequest): Verification | null {
    const { check } = rule
    if (check.kind === 'networks' && !check.networks.has(request.clientIp)) return null
    if (check.kind === 'secret' || check.kind === 'signature') {
      const proof = check.kind === 'secret' ? check.header : check.form.header
      if (valuesOf(request, proof).length === 0) return null
    }
    if (check.kind === 'certificate' && !showsCertificate(request)) return null
    const key = `${request.app.id}\n${rule.name}\n${addressKey(request.clientIp)}`
    if (!rates.take(key, rule.perMinute)) return { rule: rule.name, refuse: 'too_many_requests' }
    if (check.kind === 'signature') return signatureOutcome(rule.name, check, request)
    if (check.kind === 'certificate' && !provesSender(check, request, authorities, clock.now()))
      return refusedBy(rule.name)
    if (check.kind !== 'secret') return { rule: rule.name }
    const [given = '', ...more] = valuesOf(request, check.header)
    if (more.length > 0 || !isSecret(known(check.secrets), given)) return refusedBy(rule.name)
    return { rule: rule.name, ...(check.hidden && { hides: [check.header] }) }
  }

  function signatureOutcome(
    rule: string,
    check: Extract<Check, { kind: 'signature' }>,
    request: UnidentifiedRequest,
  ): Verification {
    const { form, toleranceMs, replayMs, bodyBytes } = check
    const presented = readHead(form, (header) => valuesOf(request, header))
    if (presented === null || !isRecent(presented, toleranceMs)) return refusedBy(rule)
    const keys = known(check.secrets).flatMap((secret) => keyOf(form, secret) ?? [])
    if (keys.length === 0) return refusedBy(rule)
    return {
      rule,
      body: {
        limit: bodyBytes,
        async check(body) {
          if (!isSigned(form, keys, presented, body)) return false
          // The signature itself would not do: the same content may have been signed with two secrets.
          return replayMs === 0 || uses.isFirst(contentHash(request.app, rule, presented, body), replayMs)
        },
      },
    }
  }

  const isRecent = ({ seconds }: Presented, toleranceMs: number): boolean =>
    seconds === null || Math.abs(clock.now() - seconds * 1_000) <= toleranceMs
  const known = (names: readonly string[]): readonly string[] =>
    names.flatMap((one) => secrets.get(one) ?? [])

  return {
    name,
    besideCookies: true,
    verify(request) {
      const { app, method, target, readings } = request
      if (app.plugins === undefined || !Object.hasOwn(app.plugins, name)) return null
      const rules = rulesOf(app).filter((rule) => rule.methods.includes(method))
      if (rules.length === 0 || readings === null || namesMethod(target)) return null
      let refused: Verification | null = null
      for (const rule of rules) {
        if (!isPublic(rule, readings)) continue
        const outcome = outcomeOf(rule, request)
        // A client shows one certificate, whatever it asks for: another rule may mean it, or need none.
        if (rule.check.kind === 'certificate' && outcome?.refuse !== undefined) refused ??= outcome
        else if (outcome !== null) return outcome
      }
      return refused
    },
    clientCas(app) {
      const asks = rulesOf(app).flatMap(({ check }) => (check.kind === 'certificate' ? check.ca : []))
      return authorities.get(asks[0] ?? '')?.pems ?? []
    },
  }
}

/** Every way in which a server may read the path must be public by the same rule. */
const isPublic = ({ patterns }: Rule, readings: NonNullable<UnidentifiedRequest['readings']>): boolean =>
  readings.length > 0 &&
  readings.every((reading) => {
    const segments = withoutEndSlash(reading)
    return patterns.some(({ fits }) => fits(segments))
  })

/** An app may take the request for one with another method. */
function namesMethod(target: string): boolean {
  const query = target.slice(target.indexOf('?') + 1)
  return (
    query !== target &&
    [query, query.replaceAll(';', '&')].some((text) =>
      [...new URLSearchParams(text).keys()].some((key) => key.toLowerCase() === '_method'),
    )
  )
}

const refusedBy = (rule: string): Verification => ({ rule, refuse: 'verification_failed' })

function valuesOf({ headers }: UnidentifiedRequest, name: string): readonly string[] {
  const found: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.toLowerCase() === name) found.push(headers[i + 1] as string)
  return found
}

function contentHash({ id }: App, rule: string, { before }: Presented, body: Buffer): string {
  return createHash('sha256').update(`${id}\n${rule}\n${before}\n`).update(body).digest('base64url')
}
