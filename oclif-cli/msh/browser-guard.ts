import type { StreamPipe } from '@mezite/core/protocol'
import { judgeFirstBytes, LONGEST_HEAD } from './http-sniffer.ts'

/** A browser writes the beginning of its request at once; what others write is not held up noticeably. */
const START_MS = 50
const HEAD_MS = 5_000
const NOTHING: Buffer = Buffer.alloc(0)

/**
 * A browser can be made to send an HTTP request to any local port; to some servers its lines are commands. So what may
 * be one stays here until its head is whole. When a page sent it, or when that cannot be told, `refuse` is called once,
 * with words to put before the port, and not a byte reaches the app. All else passes at once; the other direction is never
 * held up. Returns what forgets the bytes, for a client that has gone.
 */
export function keepPagesOut(
  pipe: Pick<StreamPipe, 'write' | 'end'>,
  port: number,
  refuse: (what: string) => void,
): () => void {
  const write = pipe.write.bind(pipe)
  const end = pipe.end.bind(pipe)
  let held = NOTHING
  let timer: NodeJS.Timeout | undefined
  let slow = false

  function stop(): void {
    clearTimeout(timer)
    pipe.write = write
    pipe.end = end
  }
  function pass(): boolean {
    stop()
    const bytes = held
    held = NOTHING
    return bytes.length === 0 || write(bytes)
  }
  function keepOut(what: string): true {
    stop()
    pipe.write = () => true
    pipe.end = () => {}
    refuse(what)
    return true
  }

  // The relay knows nothing of this: it writes to the pipe and ends it as always.
  pipe.write = (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const found = judgeFirstBytes(held, port)
    if (found === 'other') return pass()
    if (found === 'page') return keepOut('a web page tried to use')
    if (found === 'start') {
      timer ??= setTimeout(pass, START_MS)
      return true
    }
    if (held.length >= LONGEST_HEAD) return keepOut('an HTTP request with too large a head came to')
    if (!slow) {
      slow = true
      clearTimeout(timer)
      timer = setTimeout(() => keepOut('an HTTP request stopped half-way at'), HEAD_MS)
    }
    return true
  }
  pipe.end = () => {
    // A first line that just ends is no browser's.
    if (slow && held.includes('\n')) return void keepOut('an HTTP request broke off at')
    pass()
    end()
  }
  return stop
}
