import type { CertificateSource, CertificateState } from '../../api/certificates.ts'
import { appsDomainOf } from '../../api/web-routes.ts'
import { type KeyPair, type KeyPairFiles, namesHost, readKeyPair } from '../../base/x509/key-pair.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

/** How often a file that stays unusable is reported. */
const REFUSED_MS = 3_600_000

export interface CertificateFilesOptions {
  /** `proxy.https_keypair`; null if it is not set. */
  readonly main: KeyPairFiles | null
  /** `proxy.apps_keypair`; null: the main certificate serves the apps too. */
  readonly apps: KeyPairFiles | null
  /** The hub's own hosts, which never get the certificate of the apps. */
  readonly hosts: readonly string[]
  readonly appsDomains: readonly string[]
  readonly clock: Clock
  readonly log: Log
  /** How often the files are checked, in milliseconds. Default: 2 s. */
  readonly reloadMs?: number | undefined
}

/** The key pairs of the configuration, as the first source of certificates. */
export interface CertificateFiles extends CertificateSource {
  /** The pair for the host, whether it names the host or not; null without files for it. */
  pairFor(host: string): KeyPair | null
  close(): void
}

/**
 * Reads key pairs and watches their files: loads a change within 5 s, and keeps the old pair and logs an error if a file
 * is broken. Rejects with `MEZ_CERTIFICATE_INVALID` if one cannot be used or has expired.
 */
export async function openCertificateFiles(options: CertificateFilesOptions): Promise<CertificateFiles> {
  const { hosts, clock, log } = options
  let main = options.main && (await readKeyPair(options.main))
  let apps = options.apps && (await readKeyPair(options.apps))
  const refused = new Map<string, { readonly reason: string; readonly at: number }>()
  const states = (): readonly CertificateState[] =>
    [
      { subject: 'https_keypair', pair: main, files: options.main },
      { subject: 'apps_keypair', pair: apps, files: options.apps },
    ].flatMap(({ subject, pair, files }) => {
      if (!pair || !files) return []
      const expires = pair.leaf.validToDate.getTime()
      const reason = refused.get(files.certFile)?.reason
      const still = `the certificate of before is served until ${new Date(expires).toISOString()}`
      const problem = reason === undefined ? null : `the changed file cannot be used: ${reason}; ${still}`
      return [{ subject, names: pair.sans, expires, problem }]
    })
  for (const { subject, expires } of states()) {
    if (expires! < clock.now())
      throw new MezError(
        'MEZ_CERTIFICATE_INVALID',
        `the certificate of proxy.${subject} has expired; renew it`,
      )
  }

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
    if (options.main && main) main = await reread(options.main, main)
    if (options.apps && apps) apps = await reread(options.apps, apps)
    reading = false
  }, options.reloadMs ?? 2_000)
  timer.unref()

  const pairFor = (host: string): KeyPair | null => {
    if (apps === null || hosts.includes(host)) return main
    return appsDomainOf(host, options) === null ? main : apps
  }
  return {
    name: 'files',
    pairFor,
    covers(host) {
      const pair = pairFor(host)
      return pair !== null && namesHost(pair, host)
    },
    certificateFor: pairFor,
    states,
    close: () => clearInterval(timer),
  }
}
