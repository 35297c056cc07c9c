import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { CertificateSource, CertificateState, ServerCertificate } from '../../api/certificates.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { rarely } from '../../base/limits/log-throttle.ts'
import { type KeyPair, type KeyPairFiles, makeKeyPair, namesHost } from '../../base/x509/key-pair.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { type CertificateFiles, openCertificateFiles } from './certificate-files.ts'

const DAY_MS = 24 * 3_600_000
/** How long before its expiry the hub starts to warn. */
const WARN_DAYS = 21

export interface CertificatesOptions {
  readonly publicNames: PublicNames
  /** `proxy.https_keypair`; null: sources of plugins, or the development certificate. */
  readonly main: KeyPairFiles | null
  /** `proxy.apps_keypair`; null: the main certificate serves the apps too. */
  readonly apps: KeyPairFiles | null
  /** The sources of plugins; not read before `open`. */
  readonly sources?: () => readonly CertificateSource[]
  /** Makes or finds a certificate when no file and no source covers these names; rejects where none may be used. */
  readonly develop: (names: readonly string[]) => Promise<KeyPair>
  readonly log: Log
  readonly clock?: Clock
  /** How often the files are checked, in milliseconds. */
  readonly reloadMs?: number
}

/** Whether browsers get a certificate for one host; `error` says why not. */
export interface HostCertificate {
  readonly state: 'valid' | 'ordering' | 'failing'
  readonly error: string | null
}

/** The certificates that browsers see. Its other members may be used once it is open. */
export interface Certificates {
  /** Reads the files and asks the sources. Rejects with `MEZ_CERTIFICATE_…` if the hub must not start with them. */
  open(): Promise<void>
  /** Options for a browser-facing TLS server. Changes apply automatically; for connections without a name call it again. */
  browserTls(): TlsOptions
  /** The pair for the name, or for clients that send none; null: there is none. Another object after each change. */
  shownTo(serverName: string | null): Pick<KeyPair, 'cert' | 'key'> | null
  /** Whether there is a certificate for the name, or for clients that send none. */
  serves(serverName: string | null): boolean
  /**
   * The ALPN names of sources, each with the certificate that proves control over a host now. Complete once plugins are set up,
   * also before `open`. Throws `MEZ_SERVICE_TWICE` if two sources claim one name.
   */
  proofs(): ReadonlyMap<string, (host: string) => SecureContext | null>
  /** The body of an HTTP-01 challenge; null if no source knows it. */
  httpChallenge(host: string, token: string): string | null
  /** Certificates that the hub serves or waits for. */
  states(): readonly CertificateState[]
  /** What browsers get at a host that the hub serves. */
  stateOf(host: string): HostCertificate
  /** Whether a source covers the host of an app; `sans` are the names in the files. */
  covers(host: string): { readonly ok: boolean; readonly sans: readonly string[] }
  /** True if the hub's own host has a development certificate, which disables HSTS. Known once `open` has resolved. */
  readonly development: boolean
  close(): void
}

/** Chooses the certificate for each server name among the files of the configuration and the sources of plugins. */
export function createCertificates(options: CertificatesOptions): Certificates {
  const { publicNames, log, clock = systemClock } = options
  const hosts = [publicNames.hubOrigin, publicNames.signInOrigin].map((origin) => new URL(origin).hostname)
  const { appsDomains } = publicNames
  const warnRarely = rarely(log)
  let files: CertificateFiles | null = null
  let developed: KeyPair | null = null
  let sources: readonly CertificateSource[] = []
  let warning: NodeJS.Timeout | undefined

  /** What a method of a plugin returns; null if it throws. */
  const ask = <T>({ name }: CertificateSource, method: () => T): T | null => {
    try {
      return method()
    } catch (error) {
      warnRarely(`certificates ${name}`, `the certificate source "${name}" failed`, error)
      return null
    }
  }
  const pairs = new WeakMap<ServerCertificate, KeyPair | null>()
  /** Checks each certificate of a plugin once. */
  const checked = (source: CertificateSource, found: ServerCertificate | null): KeyPair | null => {
    if (found === null) return null
    const known = pairs.get(found)
    if (known !== undefined) return known
    const made = ask(source, () => makeKeyPair(found.cert, found.key))
    pairs.set(found, made)
    return made
  }
  const responsible = (host: string) =>
    sources.find((source) => ask(source, () => source.covers(host)) === true)
  const configured = (host: string): KeyPair | null => files?.pairFor(host) ?? developed

  function pairFor(host: string): KeyPair | null {
    if (files?.covers(host)) return files.pairFor(host)
    const source = responsible(host)
    if (source === undefined) return configured(host)
    const pair = checked(
      source,
      ask(source, () => source.certificateFor(host)),
    )
    if (pair === null || namesHost(pair, host)) return pair
    const wrong = new Error(`its certificate names ${pair.sans.join(', ')}, not ${host}`)
    warnRarely(`name ${source.name}`, `the certificate source "${source.name}" failed`, wrong)
    return null
  }
  /** For clients that send no name, and for names that nobody covers: they see that they are wrong here. */
  const fallback = (): KeyPair | null => configured(hosts[0]!) ?? pairFor(hosts[0]!)
  const shownTo = (serverName: string | null): KeyPair | null => {
    const host = serverName?.toLowerCase() ?? null
    if (host === null) return fallback()
    return pairFor(host) ?? (responsible(host) === undefined ? fallback() : null)
  }

  const states = (): readonly CertificateState[] => [
    ...(files?.states() ?? []),
    ...(developed ? [stateOfDeveloped(developed)] : []),
    ...sources.flatMap((source) => ask(source, () => source.states()) ?? []),
  ]
  const warnOfExpiry = (): void => {
    for (const { subject, expires, overdue = 0 } of developed ? [] : states()) {
      if (overdue > clock.now()) continue
      const days = expires === null ? WARN_DAYS : Math.floor((expires - clock.now()) / DAY_MS)
      if (days < WARN_DAYS) log.warn({ keypair: subject, days }, 'the certificate expires soon; renew it')
    }
  }

  return {
    async open() {
      sources = options.sources?.() ?? []
      const { main, apps, reloadMs } = options
      files = await openCertificateFiles({ main, apps, hosts, appsDomains, clock, log, reloadMs })
      const uncovered = hosts.filter((host) => responsible(host) === undefined)
      if (main === null && uncovered.length > 0) {
        const domains = sources.length > 0 ? [] : appsDomains
        developed = await options.develop([...new Set([...uncovered, ...domains.map((name) => `*.${name}`)])])
      }
      // A source may cover single apps.
      for (const domain of sources.length > 0 ? [] : appsDomains) {
        const shown = configured(`any.${domain}`)
        if (shown) checkAppNames(shown, domain)
      }
      for (const host of main === null ? [] : new Set(uncovered)) {
        if (!files.covers(host)) log.warn(`the certificate does not cover ${host}; browsers will refuse it`)
      }
      warnOfExpiry()
      warning = setInterval(warnOfExpiry, DAY_MS).unref()
    },
    browserTls() {
      const pair = fallback()
      return {
        minVersion: 'TLSv1.2',
        // Called for each connection with SNI; the pair below is for connections without it.
        SNICallback(serverName, done) {
          const shown = shownTo(serverName)
          done(shown ? null : new Error(`no certificate for ${serverName}`), shown?.context)
        },
        ...(pair && { key: pair.key, cert: pair.cert }),
      }
    },
    shownTo,
    serves: (serverName) => shownTo(serverName) !== null,
    proofs() {
      const byAlpn = new Map<string, (host: string) => SecureContext | null>()
      for (const source of options.sources?.() ?? []) {
        const { alpn } = source
        if (alpn === undefined) continue
        if (byAlpn.has(alpn))
          throw new MezError('MEZ_SERVICE_TWICE', `two certificate sources claim the ALPN name "${alpn}"`)
        byAlpn.set(alpn, (host) =>
          ask(source, () => {
            const found = source.alpnCertificate?.(host) ?? null
            return found && createSecureContext({ ...found, minVersion: 'TLSv1.2' })
          }),
        )
      }
      return byAlpn
    },
    httpChallenge(host, token) {
      for (const source of sources) {
        const body = ask(source, () => source.httpChallenge?.(host, token)) ?? null
        if (body !== null) return body
      }
      return null
    },
    states,
    stateOf(host) {
      const ready = pairFor(host) !== null
      const waiting = ready ? undefined : states().find(({ names }) => names.includes(host))
      const error = waiting?.problem ?? null
      return { state: ready ? 'valid' : error === null ? 'ordering' : 'failing', error }
    },
    covers(host) {
      const pair = configured(host)
      const own = pair !== null && namesHost(pair, host)
      return { ok: own || responsible(host) !== undefined, sans: pair?.sans ?? [] }
    },
    get development() {
      return developed !== null
    },
    close() {
      clearInterval(warning)
      files?.close()
    },
  }
}

/** The state of the certificate for development. */
const stateOfDeveloped = ({ sans, leaf }: KeyPair): CertificateState => ({
  subject: 'https_keypair',
  names: sans,
  expires: leaf.validToDate.getTime(),
  problem: null,
})

/** Throws `MEZ_CERTIFICATE_NAMES` if the pair cannot serve any app. */
export function checkAppNames({ sans }: KeyPair, appsDomain: string): void {
  if (sans.some((name) => name.endsWith(`.${appsDomain}`))) return
  const names = sans.join(', ') || 'no name'
  const message = `the certificate covers neither *.${appsDomain} nor any host below it, only ${names}`
  throw new MezError('MEZ_CERTIFICATE_NAMES', message)
}
