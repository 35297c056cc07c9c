import { write, writeSync } from 'node:fs'

const STDERR = 2
const MOST_BYTES = 4 * 1024 * 1024
const AGAIN_MS = 20

/**
 * Writes lines to standard error without blocking the program. Lines are lost if the disk is full, or if the reader is
 * gone or more than 4 MiB behind; `again` receives their number once writing works again. Lines still queued at exit
 * are written then; the last ones may appear twice.
 */
export function stderrLines(again: (lost: number) => void): { write(line: string): void } {
  let waiting: string[] = []
  let bytes = 0
  let lost = 0
  /** The bytes being written, or null. */
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
        // The next line retries; retrying at once would be a busy loop.
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
      // There is no way left to report this.
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
