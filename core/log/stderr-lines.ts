import { write, writeSync } from 'node:fs'

const STDERR = 2
const MOST_BYTES = 4 * 1024 * 1024
const AGAIN_MS = 20

/**
 * Writes lines to standard error without holding up the program. A full disk, a reader that is gone or one that does not
 * keep up (beyond 4 MiB) costs lines, never the program; `again` hears how many once lines arrive again. What waits at the
 * exit of the process is written then, the last lines twice rather than not at all.
 */
export function stderrLines(again: (lost: number) => void): { write(line: string): void } {
  let waiting: string[] = []
  let bytes = 0
  let lost = 0
  /** What is being written; null when nothing is. */
  let chunk: Buffer | null = null
  let lines = 0

  function next(): void {
    if (chunk !== null || waiting.length === 0) return
    chunk = Buffer.from(waiting.join(''))
    lines = waiting.length
    waiting = []
    bytes = 0
    put(chunk)
  }

  function put(rest: Buffer): void {
    write(STDERR, rest, (error, written) => {
      if (error?.code === 'EAGAIN') return void setTimeout(put, AGAIN_MS, rest)
      if (error === null && written < rest.length) return put(rest.subarray(written))
      chunk = null
      if (error !== null) {
        lost += lines
        // The next line tries again; at once would be a busy loop.
        return
      }
      if (lost > 0) {
        const count = lost
        lost = 0
        again(count)
      }
      next()
    })
  }

  process.on('exit', () => {
    try {
      writeSync(STDERR, Buffer.concat([chunk ?? Buffer.alloc(0), Buffer.from(waiting.join(''))]))
    } catch {
      // Nobody is left to be told.
    }
  })

  return {
    write(line) {
      if (bytes + line.length > MOST_BYTES) {
        lost += 1
        return
      }
      waiting.push(line)
      bytes += line.length
      next()
    },
  }
}
