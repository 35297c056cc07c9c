import { serviceRef } from '../kernel/reference.ts'
import type { HeaderLines } from './http-hooks.ts'

/** A request that another proxy has received for an app with `uri: none`, as this proxy describes it. */
export interface ProxiedRequest {
  /** Name of the proxy, for records. */
  readonly proxy: string
  readonly method: string
  /** Path and query, as the proxy received them. */
  readonly target: string
  /** In lower case, without a port. */
  readonly host: string
  /** Address of the client, canonical text. */
  readonly clientIp: string
  /** The lines of the client; without those of the proxy. */
  readonly headers: HeaderLines
  /** Headers, in lower case, that the proxy passes on to the app, whatever the verdict says. */
  readonly leaves?: readonly string[]
  /** Goes into every record about the request. */
  readonly requestId: string
}

/** What the hub says about such a request. */
export interface AppVerdict {
  /** The proxy may send the request to the app. */
  readonly admitted: boolean
  /** 200, or the status of the refusal; a redirect leads a browser to the sign-in. */
  readonly status: number
  /**
   * Lines of the response: for the client, of a refusal; otherwise for the app: who sends the request, and `Cookie` and `Authorization`
   * without what is the hub's, if the client has sent them.
   */
  readonly lines: HeaderLines
  readonly body: string | Buffer
}

/** Decides about requests that other proxies carry, by the same gate as about those that the hub carries. */
export interface AppVerdicts {
  /**
   * Only for a caller that has proved to be a proxy of the operator: nothing of the request is checked against a connection. Admits
   * nothing that is not for an app with `uri: none`, and records each verdict. Never rejects.
   */
  judge(request: ProxiedRequest): Promise<AppVerdict>
}

/** Verdicts for proxies that carry requests themselves. */
export const appVerdicts = serviceRef<AppVerdicts>('appVerdicts')
