import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** A child process of the example. */
export interface Program {
  readonly name: string
  readonly pid: number
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
  /** Resolves when the program can be used; by default, when it prints a line that begins with `ready`. */
  readonly ready?: () => Promise<void>
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
  const program: Program = {
    name: options.name,
    pid: child.pid ?? 0,
    exited,
    signal: (signal) => void child.kill(signal),
    stop: () => stop(child, exited),
  }
  const deadline = AbortSignal.timeout(options.deadlineMs ?? 30_000)
  try {
    await Promise.race([
      options.ready ? options.ready() : lineReady(child),
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

function lineReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => line.startsWith('ready') && resolve())
  })
}

async function stop(child: ChildProcess, exited: Promise<number>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(kill)
}
