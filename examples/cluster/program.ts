import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** A child process of the example. */
export interface Program {
  readonly name: string
  readonly pid: number
  /** Port of 127.0.0.1 that it says it listens on (`ready PORT`); 0 when it says none. */
  readonly port: number
  /** Resolves with its exit code, -1 when a signal ended it. */
  readonly exited: Promise<number>
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

export interface ProgramOptions {
  readonly name: string
  readonly file: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where its standard error goes. */
  readonly logFile: string
  /** Resolves when the program can be used; by default, when it prints a line `ready` or `ready PORT`. */
  readonly ready?: () => Promise<unknown>
  readonly deadlineMs?: number
}

const STOP_MS = 10_000

/** Starts a program and waits until it is ready; rejects with the end of its log when it exits or is late. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const log = openSync(options.logFile, 'a', 0o600)
  const child = spawn(
    process.execPath,
    ['--conditions=mezite-source', options.file, ...(options.args ?? [])],
    {
      stdio: ['ignore', options.ready ? log : 'pipe', log],
      env: { ...process.env, ...options.env },
      // Ctrl-C reaches the parent alone, which stops the others in order.
      detached: true,
    },
  )
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
  const deadline = AbortSignal.timeout(options.deadlineMs ?? 90_000)
  try {
    await Promise.race([
      options.ready
        ? options.ready()
        : saidPort(child).then((said) => {
            port = said
          }),
      exited.then((code) => Promise.reject(new Error(`${options.name} ended with code ${code}`))),
      new Promise((_, reject) => {
        deadline.onabort = () => reject(new Error(`${options.name} did not get ready in time`))
      }),
    ])
  } catch (error) {
    await program.stop()
    throw new Error(`${(error as Error).message}; its log is ${options.logFile}`)
  }
  return program
}

/** Resolves once the child says that it is ready; with 0 when it names no port. */
function saidPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const said = /^ready(?: (\d+))?$/.exec(line)
      if (said) resolve(Number(said[1] ?? 0))
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
