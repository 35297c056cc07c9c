import { type ChildProcess, fork, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const KILL_MS = 10_000

/** What the program says next; rejects when it ends instead. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const over = new AbortController()
  const { signal } = over
  try {
    const [message] = await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(() => Promise.reject(new Error('a program has ended'))),
    ])
    return message
  } finally {
    over.abort()
  }
}

/** The processes that the bench has started; all end with it. */
export class Children {
  readonly #running = new Set<ChildProcess>()

  /** Starts a program; Ctrl-C reaches it through `stop` alone. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.#keep(spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options }))
  }

  /** Starts `programs/NAME.ts`, or another file, with a message channel, and waits for its first message. */
  async program<T>(
    name: string | URL,
    ...args: readonly string[]
  ): Promise<{ child: ChildProcess; first: T }> {
    const file = fileURLToPath(name instanceof URL ? name : new URL(`programs/${name}.ts`, import.meta.url))
    const child = this.#keep(fork(file, args, { detached: true, execArgv: ['--conditions=mezite-source'] }))
    return { child, first: (await nextMessage(child)) as T }
  }

  /** Ends one of them; resolves when it is gone. */
  async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_MS)
    await gone
    clearTimeout(kill)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.end(child)))
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#running.add(child)
    const gone = () => this.#running.delete(child)
    child.on('exit', gone)
    child.on('error', gone)
    child.stdout?.resume()
    child.stderr?.resume()
    return child
  }
}
