import type { AppHostProtocol, Protocol } from '../../api/protocol.ts'
import { MezError } from '../../kernel/error.ts'

/** The protocol that takes the apps' hosts. Throws `MEZ_SERVICE_TWICE` when two want them. */
export function onlyAppHosts(protocols: readonly Protocol[]): AppHostProtocol | undefined {
  const found = protocols.filter((protocol): protocol is AppHostProtocol => protocol.takes === 'app-hosts')
  if (found.length > 1) twice('the apps’ hosts')
  return found[0]
}

/** Throws `MEZ_SERVICE_TWICE`. */
export function twice(what: string): never {
  throw new MezError('MEZ_SERVICE_TWICE', `two protocols want ${what}`)
}
