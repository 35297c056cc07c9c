import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { untilListening } from '../../bench/until-listening.ts'

/** A balancer that runs in the foreground with files of its own. */
export interface Program {
  readonly port: number
  stop(): Promise<void>
}

/** Writes the files, starts the program in their folder, and resolves when it listens at the port. */
export async function startProgram(
  command: string,
  args: readonly string[],
  port: number,
  files: Readonly<Record<string, string>>,
): Promise<Program> {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-balancer-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 })
  const child = spawn(command, args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
    rmSync(dir, { recursive: true, force: true })
  }
  const early = exited.then(() => Promise.reject(new Error(`${command} has ended: ${said}`)))
  early.catch(() => {})
  try {
    await Promise.race([untilListening(port), early])
  } catch (error) {
    await stop()
    throw error
  }
  return { port, stop }
}
