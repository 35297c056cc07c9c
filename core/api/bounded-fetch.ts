import { messageOf } from '../kernel/error.ts'

const DEADLINE_MS = 10_000
const MAX_BYTES = 1 << 20

/** The provider sent no readable response; `cause` says why. */
class NoResponse extends Error {}

/** True when the provider sent no readable response anywhere in the chain of causes. */
export function gaveNoResponse(error: unknown): boolean {
  for (let one = error, depth = 0; one instanceof Error && depth < 8; one = one.cause, depth++) {
    if (one instanceof NoResponse) return true
  }
  return false
}

/**
 * A `fetch` for a provider that may be hostile: ten seconds for everything, the last byte included; at most
 * 1 MiB; no redirect; https, or http to loopback when the issuer itself is there. Rejects with `NoResponse` otherwise.
 */
export function createBoundedFetch(issuer: string, deadlineMs = DEADLINE_MS) {
  const issuerIsLocal = isLoopback(new URL(issuer).hostname)
  return async (address: string | URL, options: RequestInit = {}): Promise<Response> => {
    try {
      return await ask(new URL(address), options)
    } catch (cause) {
      throw new NoResponse(messageOf(cause), { cause })
    }
  }

  async function ask(url: URL, options: RequestInit): Promise<Response> {
    const plain = url.protocol === 'http:' && issuerIsLocal && isLoopback(url.hostname)
    if ((url.protocol !== 'https:' && !plain) || isLinkLocal(url.hostname)) {
      throw new Error(`the provider returned an address that is not allowed: ${url.protocol}//${url.host}`)
    }
    const deadline = AbortSignal.timeout(deadlineMs)
    const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
    const response = await fetch(url, { ...options, redirect: 'manual', signal })
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel()
      throw new Error(`${url.origin}${url.pathname} responds with a redirect (${response.status})`)
    }
    const body = await readCapped(response, url)
    const empty = response.status === 204 || response.status === 205
    const headers = new Headers(response.headers)
    // With a challenge, openid-client ignores the body, which contains `error` (RFC 6749 section 5.2).
    if (/^application\/json\b/i.test(headers.get('content-type') ?? '')) headers.delete('www-authenticate')
    return new Response(empty ? null : body, { status: response.status, headers })
  }
}

async function readCapped(response: Response, url: URL): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    // Leaving the loop cancels the stream and closes the connection.
    if (size > MAX_BYTES)
      throw new Error(`${url.origin}${url.pathname} responds with more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Host name of a URL that means this machine: `localhost`, names below it, 127.0.0.0/8 and ::1. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** A literal link-local address, which belongs to metadata services and never to identity providers. */
export function isLinkLocal(hostname: string): boolean {
  return /^169\.254\./.test(hostname) || /^\[(?:fe[89ab]|::ffff:a9fe)/i.test(hostname)
}
