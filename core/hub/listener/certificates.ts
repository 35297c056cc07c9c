import type { TlsOptions } from 'node:tls'
import type { PublicNames } from '../../api/web-routes.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { developmentCertificate, developmentFiles } from './development-certificate.ts'
import { type KeyPair, type KeyPairFiles, namesHost, readKeyPair } from './key-pair.ts'

const DAY_MS = 24 * 3_600_000
/** How long before its expiry the hub starts to warn. */
const WARN_DAYS = 21
/** How often a file that stays unusable is reported. */
const REFUSED_MS = 3_600_000

export interface CertificatesOptions {
  readonly publicNames: PublicNames
  /** `proxy.https_keypair`; null: the development certificate. */
  readonly main: KeyPairFiles | null
  /** `proxy.apps_keypair`; null: the main certificate serves the apps too. */
  readonly apps: KeyPairFiles | null
  /** `proxy.listen_addr`: on loopback a development certificate is always allowed. */
  readonly listenAddr: string
  /** `proxy.development_certificate`. */
  readonly allowDevelopment?: boolean
  readonly dataDir: string
  readonly log: Log
  readonly clock?: Clock
  /** How often the files are checked, in milliseconds. */
  readonly reloadMs?: number
}

/** The certificates that browsers see. */
export interface Certificates {
  /** Options for a browser-facing TLS server. Reloads apply automatically. */
  browserTls(): TlsOptions
  /** When each certificate that the hub serves expires, in milliseconds since the epoch, by `https_keypair` or `apps_keypair`. */
  expiries(): readonly { readonly subject: string; readonly expires: number }[]
  /** Whether a certificate covers the host of an app; `sans` are the covered names. */
  covers(host: string): { readonly ok: boolean; readonly sans: readonly string[] }
  /** True for a development certificate, which disables HSTS. */
  readonly development: boolean
  close(): void
}

/**
 * Reads key pairs and watches their files: loads a change within 5 s, and keeps the old pair and logs an error if a file
 * is broken. Rejects with `MEZ_CERTIFICATE_…` if the hub must not start with them.
 */
export async function createCertificates(options: CertificatesOptions): Promise<Certificates> {
  const { publicNames, log, clock = systemClock, dataDir } = options
  const hosts = [publicNames.hubOrigin, publicNames.signInOrigin].map((origin) => new URL(origin).hostname)
  const appsDomain = publicNames.appsDomain?.toLowerCase() ?? null
  const development = options.main === null
  let main: KeyPair
  if (options.main === null) {
    mayDevelop(options, [...hosts, ...(appsDomain === null ? [] : [appsDomain])])
    const names = new Set([...hosts, ...(appsDomain === null ? [] : [`*.${appsDomain}`])])
    main = await developmentCertificate(dataDir, [...names], clock)
    log.warn(`development certificate in use; clients must trust ${dataDir}/${developmentFiles.ca}`)
  } else {
    main = await readKeyPair(options.main)
  }
  let apps = options.apps === null ? null : await readKeyPair(options.apps)

  const appsPair = (): KeyPair => apps ?? main
  if (appsDomain !== null) checkAppNames(appsPair(), appsDomain)
  for (const host of new Set(hosts)) {
    if (!namesHost(main, host)) log.warn(`the certificate does not cover ${host}; browsers will refuse it`)
  }
  const expiries = () =>
    [
      { subject: 'https_keypair', pair: main },
      { subject: 'apps_keypair', pair: apps },
    ].flatMap(({ subject, pair }) => (pair ? [{ subject, expires: pair.leaf.validToDate.getTime() }] : []))
  const warnOfExpiry = (): void => {
    for (const { subject, expires } of expiries()) {
      const days = Math.floor((expires - clock.now()) / DAY_MS)
      if (days < WARN_DAYS && !development)
        log.warn({ keypair: subject, days }, 'the certificate expires soon; renew it')
    }
  }
  for (const { subject, expires } of expiries()) {
    if (expires < clock.now())
      throw new MezError(
        'MEZ_CERTIFICATE_INVALID',
        `the certificate of proxy.${subject} has expired; renew it`,
      )
  }
  warnOfExpiry()
  const warning = setInterval(warnOfExpiry, DAY_MS).unref()

  const refused = new Map<string, { readonly reason: string; readonly at: number }>()
  const reread = async (files: KeyPairFiles, old: KeyPair): Promise<KeyPair> => {
    try {
      const next = await readKeyPair(files)
      refused.delete(files.certFile)
      if (next.cert === old.cert && next.key === old.key) return old
      if (next.leaf.validToDate.getTime() < clock.now()) throw new Error(`${files.certFile} has expired`)
      log.info({ file: files.certFile, until: next.leaf.validTo }, 'certificate loaded')
      return next
    } catch (error) {
      const reason = messageOf(error)
      const before = refused.get(files.certFile)
      if (before?.reason !== reason || clock.monotonic() - before.at > REFUSED_MS) {
        log.error({ reason }, 'failed to load a changed certificate file; still using the old certificate')
        refused.set(files.certFile, { reason, at: clock.monotonic() })
      }
      return old
    }
  }
  let reading = false
  const timer = setInterval(async () => {
    if (reading) return
    reading = true
    if (options.main) main = await reread(options.main, main)
    if (options.apps && apps) apps = await reread(options.apps, apps)
    reading = false
  }, options.reloadMs ?? 2_000)
  timer.unref()

  const pairFor = (serverName: string): KeyPair => {
    const name = serverName.toLowerCase()
    if (apps === null || hosts.includes(name)) return main
    return appsDomain !== null && name.endsWith(`.${appsDomain}`) ? apps : main
  }
  return {
    browserTls: () => ({
      minVersion: 'TLSv1.2',
      // Called for each connection with SNI; the pair below is for connections without it.
      SNICallback: (serverName, done) => done(null, pairFor(serverName).context),
      key: main.key,
      cert: main.cert,
    }),
    expiries,
    covers: (host) => ({ ok: namesHost(appsPair(), host), sans: appsPair().sans }),
    development,
    close() {
      clearInterval(timer)
      clearInterval(warning)
    },
  }
}

/** Throws `MEZ_CERTIFICATE_NAMES` if the pair cannot serve any app. */
export function checkAppNames({ sans }: KeyPair, appsDomain: string): void {
  if (sans.some((name) => name.endsWith(`.${appsDomain}`))) return
  const names = sans.join(', ') || 'no name'
  const message = `the certificate covers neither *.${appsDomain} nor any host below it, only ${names}`
  throw new MezError('MEZ_CERTIFICATE_NAMES', message)
}

function mayDevelop({ listenAddr, allowDevelopment }: CertificatesOptions, names: readonly string[]): void {
  const loopback = /^(127(\.\d{1,3}){3}|\[::1\]|localhost):\d+$/.test(listenAddr)
  if (allowDevelopment || loopback || names.every((name) => /(^|\.)localhost$/i.test(name))) return
  throw new MezError(
    'MEZ_CERTIFICATE_MISSING',
    `a development certificate does not protect ${listenAddr} for ${names.join(', ')}`,
  )
}
