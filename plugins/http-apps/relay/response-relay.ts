import type { Client } from '../client/client.ts'
import type { Deps } from '../deps.ts'
import type { Admitted } from '../session/admission.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'
import type { AppMapping } from './app-mapping.ts'
import { responseLines, responseTrailers } from './response-head.ts'
import { throughResponseHook } from './response-hook.ts'

const HSTS = 'max-age=31536000'

/** Passes an app's response on to the browser as it arrives, filtered. */
export class ResponseRelay {
  readonly #deps: Deps
  readonly #client: Client
  readonly #mapping: AppMapping
  /** The head of the final response is out. */
  begun = false
  /** The response is complete. */
  ended = false
  /** The app's body is not passed on. */
  #bodiless = false

  constructor(deps: Deps, client: Client, mapping: AppMapping) {
    this.#deps = deps
    this.#client = client
    this.#mapping = mapping
  }

  /** An interim response (RFC 9110 section 15.2). The hub sends 100 itself. */
  inform(status: number, lines: readonly string[]): void {
    if (status !== 100) this.#client.inform(status, responseLines(lines, this.#mapping, status))
  }

  /** The header lines of a response of this status as the browser may see them. */
  lines({ lines, status }: Pick<ResponseHead, 'lines' | 'status'>): string[] {
    return this.#secured(responseLines(lines, this.#mapping, status))
  }

  #secured(lines: string[]): string[] {
    if (this.#deps.publicNames.hsts === true) lines.push('Strict-Transport-Security', HSTS)
    return lines
  }

  /**
   * Sends the head of the final response to a request for `target`. Returns the status that the browser sees, or null when
   * the head cannot be written. Throws what a tap of `http.response` throws.
   */
  head(head: ResponseHead, admitted: Admitted, target: string): number | null {
    let { status } = head
    let lines = responseLines(head.lines, this.#mapping, status)
    if (!this.#deps.httpHooks.response.empty) {
      const made = throughResponseHook(this.#deps, admitted, target, status, lines)
      ;({ status, lines } = { status: made.status, lines: [...made.headers] })
    }
    this.#secured(lines)
    // 205 has no content (RFC 9110 section 15.3.6), whatever the app says.
    this.#bodiless = status === 205
    if (this.#bodiless) lines.push('Content-Length', '0')
    const sent = this.#bodiless ? { ...head, status, hasBody: false, length: 0 } : { ...head, status }
    this.begun = this.#client.head(sent, lines)
    return this.begun ? status : null
  }

  /** Returns false when the browser is slow: wait for `onclientdrain`. */
  write(chunk: Buffer, last: boolean): boolean {
    if (!last) return this.#bodiless || this.#client.write(chunk)
    this.ended = true
    this.#client.end(this.#bodiless ? null : chunk, [])
    return true
  }

  end(trailers: readonly string[]): void {
    if (this.ended) return
    this.ended = true
    this.#client.end(null, this.#bodiless ? [] : responseTrailers(trailers))
  }
}
