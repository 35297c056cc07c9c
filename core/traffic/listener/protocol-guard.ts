import type { AppHostProtocol, NamedProtocol, Protocol } from '../../api/protocol.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

interface Closable {
  destroy(): unknown
}

/**
 * The protocol with handlers that cost only their connection when they throw or reject, however late; the log names the
 * plugin. A handler may be an async function although its type does not say so.
 */
export function guardProtocol(protocol: Protocol, plugin: string | null, log: Log): Protocol {
  function guard<Args extends readonly unknown[]>(
    handler: string,
    run: (...args: Args) => void,
    closableOf: (...args: Args) => Closable,
  ): (...args: Args) => void {
    return (...args) => {
      const fail = (error: unknown): void => {
        const fields = { plugin, protocol: protocol.name, handler, error: messageOf(error) }
        log.error(fields, 'a protocol failed; its connection is closed')
        closableOf(...args).destroy()
      }
      try {
        const result: unknown = run(...args)
        if (result instanceof Promise) result.catch(fail)
      } catch (error) {
        fail(error)
      }
    }
  }

  const drain = async (signal: AbortSignal): Promise<void> => protocol.drain(signal)
  if (protocol.takes === 'alpn') {
    const { name, takes, alpn, clientAuthority } = protocol
    const accept = guard<Parameters<NamedProtocol['accept']>>(
      'accept',
      (socket, info) => protocol.accept(socket, info),
      (socket) => socket,
    )
    const refused = guard<Parameters<NamedProtocol['accept']>>(
      'refused',
      (socket, info) => protocol.refused?.(socket, info),
      (socket) => socket,
    )
    return { name, takes, alpn, clientAuthority, accept, ...(protocol.refused && { refused }), drain }
  }
  const bodyless = guard<Parameters<NonNullable<AppHostProtocol['bodyless']>>>(
    'bodyless',
    (routed, response) => protocol.bodyless?.(routed, response),
    (_routed, response) => response.socket,
  )
  return {
    name: protocol.name,
    takes: protocol.takes,
    request: guard<Parameters<AppHostProtocol['request']>>(
      'request',
      (routed, message, response) => protocol.request(routed, message, response),
      (_routed, message) => message.socket,
    ),
    ...(protocol.bodyless && { bodyless }),
    upgrade: guard<Parameters<AppHostProtocol['upgrade']>>(
      'upgrade',
      (routed, message, socket, head) => protocol.upgrade(routed, message, socket, head),
      (_routed, _message, socket) => socket,
    ),
    stream: guard<Parameters<AppHostProtocol['stream']>>(
      'stream',
      (routed, request) => protocol.stream(routed, request),
      (_routed, { stream }) => stream,
    ),
    ...(protocol.breakBody && {
      breakBody: (socket, code) => protocol.breakBody?.(socket, code) ?? false,
    }),
    drain,
  }
}
