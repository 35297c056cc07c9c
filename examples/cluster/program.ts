import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** A child process of the example. */
export interface Program {
  readonly name: string
  readonly pid: number
  /** The port of 127.0.0.1 that it reports (`ready PORT`); 0 if it reports none. */
  readonly port: number
  /** Resolves to its exit status, or to -1 if a signal ended it. */
  readonly exited: Promise<number>
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

export interface ProgramOptions {
  readonly name: string
  /** A source file for Node.js, or another program that `args` suit. */
  readonly file: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** File for its standard error. */
  readonly logFile: string
  /**
   * Resolves when the program is usable, and may stop waiting when the signal aborts. Default: when the program prints a
   * line `ready` or `ready PORT`.
   */
  readonly ready?: (signal: AbortSignal) => Promise<unknown>
  /** Cancels the start. */
  readonly signal?: AbortSignal | undefined
}

const READY_MS = 90_000
const STOP_MS = 10_000

/** Starts a program and waits until it is ready. If it exits, times out or is cancelled, rejects after it has ended. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  options.signal?.throwIfAborted()
  const log = openSync(options.logFile, 'a', 0o600)
  const { file, args = [] } = options
  const [command, ...before] = /\.[jt]s$/.test(file)
    ? [process.execPath, '--conditions=mezite-source', file]
    : [file]
  const child = spawn(command, [...before, ...args], {
    stdio: ['ignore', options.ready ? log : 'pipe', log],
    env: { ...process.env, ...options.env },
    // Ctrl-C must reach the parent only, which stops its children in order.
    detached: true,
  })
  const exited = new Promise<number>((resolve) => {
    child.on('error', () => resolve(1))
    child.on('exit', (code) => resolve(code ?? -1))
  })
  let port = 0
  const program: Program = {
    name: options.name,
    pid: child.pid ?? 0,
    get port() {
      return port
    },
    exited,
    signal: (signal) => void child.kill(signal),
    stop: () => stop(child, exited),
  }
  const settled = new AbortController()
  const reasons = [settled.signal, AbortSignal.timeout(READY_MS), ...(options.signal ? [options.signal] : [])]
  const over = AbortSignal.any(reasons)
  try {
    await Promise.race([
      options.ready
        ? options.ready(over)
        : portOf(child).then((ready) => {
            port = ready
          }),
      exited.then((code) => Promise.reject(new Error(`${options.name} ended with code ${code}`))),
      new Promise((_, reject) => {
        over.onabort = () => reject(new Error(`${options.name} did not get ready in time`))
      }),
    ])
  } catch (error) {
    await program.stop()
    options.signal?.throwIfAborted()
    throw new Error(`${(error as Error).message}; its log is ${options.logFile}`)
  } finally {
    settled.abort()
  }
  return program
}

/** Resolves to the port that the child reports once it is ready; 0 without one. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const ready = /^ready(?: (\d+))?$/.exec(line)
      if (ready) resolve(Number(ready[1] ?? 0))
    })
  })
}

async function stop(child: ChildProcess, exited: Promise<number>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(kill)
}
