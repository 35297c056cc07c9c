import type { Client } from 'oidc-provider'

/** A program as a person sees it. */
export interface Program {
  /** As the program names itself: it may lie. */
  readonly name: string
  /** What is certain: the host of its metadata, or where the browser goes after the consent. */
  readonly host: string
  /** `metadata`: `host` published the program's metadata; `redirect`: nothing is known but where the browser goes. */
  readonly knownBy: 'metadata' | 'redirect' | 'device'
}

const LONGEST_NAME = 64

/** What to show of a client and its request. Control and bidirectional characters could make the sentence misleading. */
export function programOf(
  { clientId, clientName }: Pick<Client, 'clientId' | 'clientName'>,
  { redirect_uri: redirect }: { readonly redirect_uri?: unknown },
): Program {
  const metadata = clientId.startsWith('https://') ? URL.parse(clientId) : null
  const target = typeof redirect === 'string' ? URL.parse(redirect) : null
  const host = metadata?.host ?? target?.host ?? ''
  return {
    name: plain(clientName ?? '') || plain(metadata?.host ?? '') || 'An unnamed program',
    host: plain(host) || plain(target?.protocol ?? ''),
    knownBy: metadata ? 'metadata' : target ? 'redirect' : 'device',
  }
}

const plain = (text: string): string =>
  text
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '')
    .trim()
    .slice(0, LONGEST_NAME)
