import type { Duplex } from 'node:stream'
import type { HubTransport } from '../../api/transport.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'

const LISTEN_MS = 30_000

/**
 * The transports that the hub offers: the ones in `tunnel.transports`, else all that plugins provide. Throws
 * `MEZ_CONFIG_INVALID` when a configured one is missing, `MEZ_SERVICE_TWICE` when two have the same name or both claim the
 * ALPN names of agents.
 */
export function offeredTransports(
  provided: readonly HubTransport[],
  wanted: readonly string[] | undefined,
): readonly HubTransport[] {
  const names = provided.map(({ name }) => name)
  const missing = wanted?.filter((name) => !names.includes(name)) ?? []
  if (missing.length > 0) {
    const what = `\`tunnel.transports\` names ${missing.map((name) => JSON.stringify(name)).join(', ')}`
    const available = names.join(', ') || 'none'
    throw new MezError(
      'MEZ_CONFIG_INVALID',
      `${what}, but no loaded plugin provides it (available: ${available})`,
    )
  }
  const twin = names.find((name, at) => names.indexOf(name) !== at)
  if (twin !== undefined) throw new MezError('MEZ_SERVICE_TWICE', `two transports are named '${twin}'`)
  const direct = provided.filter(({ alpn }) => alpn)
  if (direct.length > 1) {
    const both = direct.map(({ name }) => `'${name}'`).join(' and ')
    throw new MezError('MEZ_SERVICE_TWICE', `the transports ${both} both claim the ALPN names of agents`)
  }
  return provided.filter(({ name }) => wanted?.includes(name) ?? true)
}

/**
 * Opens the listeners of transports that have one. Throws `MEZ_START_FAILED` with the name of a transport that fails or
 * takes longer than the deadline.
 */
export async function openTransports(
  transports: readonly HubTransport[],
  deliver: (carrier: Duplex, from: { readonly clientIp: string; readonly transport: string }) => void,
  deadlineMs = LISTEN_MS,
): Promise<void> {
  for (const transport of transports) {
    const { name } = transport
    const take = (carrier: Duplex, { clientIp }: { readonly clientIp: string }): void =>
      deliver(carrier, { clientIp, transport: name })
    try {
      await withDeadline(async () => transport.listen?.(take), deadlineMs)
    } catch (cause) {
      const message = `the transport '${name}' failed to listen: ${messageOf(cause)}`
      throw new MezError('MEZ_START_FAILED', message, { cause })
    }
  }
}
