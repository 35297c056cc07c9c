import type { PlainPort } from '../base/log/listening-port.ts'
import type { KeyPair } from '../base/x509/key-pair.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { HubConfig } from './config/hub-config.ts'

/** What the program that runs a hub adds to it. */
export interface HubParts {
  /** A certificate for names that neither files nor plugins cover; rejects where such a one may not be used. */
  developmentCertificate(
    names: readonly string[],
    hub: { readonly config: HubConfig; readonly clock: Clock; readonly log: Log },
  ): Promise<KeyPair>
  /**
   * The server of `proxy.redirect_addr`. `originOf` returns the https origin for the value of a `Host` header; `httpChallenge`
   * the body that a certificate source gives to a challenge for a host, or null.
   */
  redirectServer(
    listenAddr: string,
    originOf: (host: string) => string,
    httpChallenge: (host: string, token: string) => string | null,
  ): PlainPort
}
