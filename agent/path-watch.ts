import { type Log, messageOf } from '@mezite/core/agent'
import type { HubConnection, HubDialer, HubWish } from './hub-dialer.ts'
import type { HubList } from './hub-list.ts'
import type { TransportChoice } from './transport-choice.ts'

/** The wait before trying a better path to a hub, such as the preferred transport; doubles up to the maximum. */
const RETURN_MS = 10_000
const LONGEST_RETURN_MS = 600_000

type BetterPath = HubWish & { readonly instance: string }

/** Tries better paths to hubs periodically: a preferred transport after a fallback, or the direct address of a hub. */
export function createPathWatch(options: {
  readonly dialer: HubDialer
  readonly choice: Pick<TransportChoice, 'fellBack'>
  readonly hubs: HubList
  /** The newest link to each hub, by the hub's id. */
  readonly live: ReadonlyMap<string, unknown>
  /** Takes the connection of a path that works. */
  readonly found: (connection: HubConnection, path: BetterPath) => void
  readonly returnMs?: number | undefined
  readonly signal: AbortSignal
  readonly log: Log
}) {
  const { dialer, choice, hubs, live, found, returnMs = RETURN_MS, signal, log } = options
  /** Hubs whose link may run through another hub, because their direct address could not be reached. */
  const indirect = new Set<string>()
  let returning: NodeJS.Timeout | undefined
  let returnWaitMs = returnMs

  function betterPath(): BetterPath | null {
    const [first] = live.keys()
    if (first !== undefined && choice.fellBack) return { instance: first, onlyPreferred: true }
    const instance = [...indirect].find((id) => hubs.addressOf(id))
    return instance === undefined ? null : { instance, direct: hubs.addressOf(instance), onlyDirect: true }
  }

  function schedule(): void {
    if (!betterPath()) returnWaitMs = returnMs
    else if (!returning && !signal.aborted) {
      const wait = returnWaitMs * (0.5 + Math.random() / 2)
      returnWaitMs = Math.min(returnWaitMs * 2, LONGEST_RETURN_MS)
      returning = setTimeout(() => void tryBetterPath(), wait)
      returning.unref()
    }
  }

  async function tryBetterPath(): Promise<void> {
    const path = betterPath()
    try {
      if (!path) return
      const connection = await dialer.dial(path, signal)
      const { instance } = path
      if (!live.has(instance) || signal.aborted) return void connection.socket.destroy()
      log.info({ instance, transport: connection.transport }, 'moving to a better path to the hub')
      found(connection, path)
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'the better path to the hub still fails')
    } finally {
      returning = undefined
      schedule()
    }
  }

  return {
    /** A link to the hub is up; `isIndirect` as in `HubConnection`. */
    up(instance: string, isIndirect: boolean): void {
      indirect[isIndirect ? 'add' : 'delete'](instance)
      schedule()
    },
    down: (instance: string) => void indirect.delete(instance),
    stop: () => clearTimeout(returning),
  }
}
