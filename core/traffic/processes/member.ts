import { type ChildProcess, fork } from 'node:child_process'
import type { ToMember, ToParent } from './messages.ts'
import type { Handle } from './node-handles.ts'

/** One of the processes, by its number. A process that has ended is replaced by another with the same number. */
export interface Member {
  readonly index: number
  readonly child: ChildProcess
  readonly startedAt: number
  /** Resolves with true when it is ready, with false if it ends before. */
  readonly ready: Promise<boolean>
  readonly closed: Promise<unknown>
  readonly ended: Promise<string>
  /** Id of its hub, once ready. */
  id: string | null
  links: number
  /** Whether it may get connections. */
  serving: boolean
  stopping: boolean
  /** `done` is called when the message has left or is lost, because the process has ended. */
  send(message: ToMember, handle?: Handle, done?: () => void): void
}

/** What the parent does about a process. */
export interface MemberEvents {
  received(message: ToParent, handle: Handle | undefined): void
  failed(error: Error): void
  /** `how`: the signal or status that it ended with. */
  ended(how: string): void
}

/** A check of a plugin may hang. */
const CHECK_MS = 60_000

/** Starts this program again as a process of the group. */
export function startMember(index: number, { received, failed, ended }: MemberEvents): Member {
  const ready = Promise.withResolvers<boolean>()
  const closed = Promise.withResolvers<void>()
  const exited = Promise.withResolvers<string>()
  const child = fork(process.argv[1] ?? '', process.argv.slice(2), {
    // The parent alone reports the state of the service.
    env: { ...process.env, MEZITE_PROCESS: String(index + 1), NOTIFY_SOCKET: '' },
  })
  child.on('error', failed)
  child.on('message', (message, handle) => {
    const { kind } = message as ToParent
    if (kind === 'ready') ready.resolve(true)
    if (kind === 'closed') closed.resolve()
    received(message as ToParent, handle as unknown as Handle | undefined)
  })
  child.once('exit', (code, signal) => {
    const how = signal ?? `status ${code}`
    ready.resolve(false)
    closed.resolve()
    exited.resolve(how)
    ended(how)
  })
  return {
    index,
    child,
    startedAt: performance.now(),
    id: null,
    links: 0,
    serving: false,
    stopping: false,
    ready: ready.promise,
    closed: closed.promise,
    ended: exited.promise,
    send(message, handle, done = () => {}) {
      if (child.connected) child.send(message, handle as never, {}, done)
      else done()
    },
  }
}

/** Runs `mezhub config check`, in a process of its own because plugins stay loaded. It prints the problems. */
export function isValidConfig(file: string): Promise<boolean> {
  const child = fork(process.argv[1] ?? '', ['config', 'check', '--config', file], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    timeout: CHECK_MS,
    killSignal: 'SIGKILL',
  })
  return new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}
