import type { Socket } from 'node:net'
import type { Log } from '../../kernel/log.ts'
import type { ToMember, ToParent } from './messages.ts'
import { attach, detach, type Handle } from './node-handles.ts'

/** How long a process waits for the contributions of the others. */
const ANSWERS_MS = 2_000
/** Connections that wait to be sent to another process. */
const MOST_PASSING = 200

/** What a hub needs that shares its public port with other processes. */
export interface GroupMember {
  /** Counts from 0. */
  readonly index: number
  /** The public port. */
  readonly port: number
  /** The sockets that all processes share, by configuration key. */
  readonly sockets: ReadonlyMap<string, Handle>
  /** True when this process alone stops. */
  readonly replaced: boolean
  /** Whether a hub is a process of this group. */
  isSibling(id: string): boolean
  /** Sends a connection to the process of that hub, with its bytes so far. False: it cannot be sent. */
  pass(socket: Socket, to: string, head: Buffer): boolean
  /** The contributions of the other processes to a topic. Those that fail or take longer than 2 s are missing. */
  ask(topic: string, query?: string): Promise<readonly unknown[]>
  /** Answers the questions of other processes. */
  answer(topic: string, respond: (query: string) => unknown): void
  /** Reports the number of linked agents. */
  linked(count: number): void
  /**
   * Reports that the hub is ready. From then on, `accept` gets the sockets of the public port, and returns how to release
   * each; `take` gets the connections that other processes pass on.
   */
  ready(id: string, accept: (handle: Handle) => Promise<() => void>, take: (socket: Socket) => void): void
  /** Reports that the hub accepts no more connections. */
  closed(): void
  /** Resolves when the parent stops this process. */
  readonly stopped: Promise<void>
}

type Of<Kind> = Extract<ToMember, { kind: Kind }>

/**
 * Joins the group of the process that started this one, and waits for its sockets. A process whose parent has ended exits
 * at once: nobody would replace or stop it.
 */
export async function joinGroup(index: number, log: Log): Promise<GroupMember> {
  const sockets = new Map<string, Handle>()
  const responders = new Map<string, (query: string) => unknown>()
  const calls = new Map<number, (answers: readonly unknown[]) => void>()
  const releases = new Map<number, () => void>()
  const started = Promise.withResolvers<number>()
  const stop = Promise.withResolvers<void>()
  let siblings: ReadonlySet<string> = new Set()
  let serve: Parameters<GroupMember['ready']>[1] | undefined
  let take: ((socket: Socket) => void) | undefined
  let replaced = false
  let asked = 0
  let passing = 0

  const send = (message: ToParent, handle?: Handle, done?: () => void): void => {
    if (process.connected) process.send?.(message, handle as never, {}, () => done?.())
    else done?.()
  }
  const accept = async (slot: number, handle: Handle): Promise<void> => {
    const release = await serve?.(handle)
    if (release) releases.set(slot, release)
    send({ kind: 'accepting', slot })
  }
  const on: { [Kind in ToMember['kind']]: (message: Of<Kind>, handle?: Handle) => unknown } = {
    socket: ({ key }, handle) => handle && sockets.set(key, handle),
    start: (message) => started.resolve(message.port),
    accept: ({ slot }, handle) => handle && accept(slot, handle),
    release({ slot }) {
      releases.get(slot)?.()
      releases.delete(slot)
    },
    siblings(message) {
      siblings = new Set(message.ids)
    },
    // A connection that has ended on its way arrives without its socket.
    connection: ({ head }, handle) => handle && take?.(attach(handle, Buffer.from(head, 'base64'))),
    async question({ call, topic, query }) {
      const answer = await Promise.resolve(responders.get(topic)?.(query)).catch(() => null)
      send({ kind: 'answer', call, answer: answer ?? null })
    },
    answers: ({ call, answers }) => calls.get(call)?.(answers),
    stop({ alone }) {
      replaced = alone
      stop.resolve()
    },
  }
  const receive = (message: ToMember, handle?: Handle) => on[message.kind](message as never, handle)
  process.on('message', (message, handle) => receive(message as ToMember, handle as Handle | undefined))
  const end = (): never => {
    log.error('the parent process has ended; ending too')
    process.exit(1)
  }
  process.on('disconnect', end)
  if (!process.connected) end()

  const port = await started.promise
  return {
    index,
    port,
    sockets,
    stopped: stop.promise,
    get replaced() {
      return replaced
    },
    isSibling: (id) => siblings.has(id),
    pass(socket, to, head) {
      const handle = passing < MOST_PASSING ? detach(socket) : null
      if (handle === null) return false
      passing += 1
      send({ kind: 'connection', to, head: head.toString('base64') }, handle, () => {
        passing -= 1
        // The parent has its own copy by now.
        socket.destroy()
      })
      return true
    },
    ask(topic, query = '') {
      const call = ++asked
      const { promise, resolve } = Promise.withResolvers<readonly unknown[]>()
      calls.set(call, resolve)
      const deadline = setTimeout(resolve, ANSWERS_MS, [])
      send({ kind: 'question', call, topic, query })
      return promise.finally(() => {
        clearTimeout(deadline)
        calls.delete(call)
      })
    },
    answer: (topic, responder) => void responders.set(topic, responder),
    linked: (count) => send({ kind: 'links', count }),
    ready(id, onSocket, onConnection) {
      serve = onSocket
      take = onConnection
      send({ kind: 'ready', id })
    },
    closed: () => send({ kind: 'closed' }),
  }
}
