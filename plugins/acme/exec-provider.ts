import { spawn } from 'node:child_process'
import type { DnsProvider } from './dns-proof.ts'

const DEADLINE_MS = 60_000
const MOST_OUTPUT = 2_000

/**
 * Runs a program with `present` or `cleanup`, the name of the record and its value as its last three arguments. There is no
 * shell, and of the hub's environment the program gets only PATH, because the rest may have secrets.
 */
export function execProvider([file, ...first]: readonly string[], deadlineMs = DEADLINE_MS): DnsProvider {
  const run = (action: string, name: string, value: string, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const child = spawn(file!, [...first, action, name, value], {
        env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
        stdio: ['ignore', 'ignore', 'pipe'],
        // A group of its own, so that its children end with it.
        detached: true,
        shell: false,
      })
      let output = ''
      const end = (error?: Error) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        if (error) reject(error)
        else resolve()
      }
      const kill = () => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
        } catch {
          // It has ended.
        }
      }
      const stop = () => {
        kill()
        end(new Error(`${file} ${action} was stopped`))
      }
      const timer = setTimeout(() => {
        kill()
        end(new Error(`${file} ${action} timed out after ${deadlineMs / 1_000} s`))
      }, deadlineMs)
      signal.addEventListener('abort', stop, { once: true })
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-MOST_OUTPUT)
      })
      child.on('error', end)
      child.on('exit', (code, by) => {
        if (code === 0) return end()
        const said = output.trim().split('\n').at(-1)
        end(new Error(`${file} ${action} failed (${by ?? `exit code ${code}`})${said ? `: ${said}` : ''}`))
      })
    })
  return {
    name: 'exec',
    present: ({ name, value }, signal) => run('present', name, value, signal),
    cleanup: ({ name, value }, signal) => run('cleanup', name, value, signal),
  }
}
