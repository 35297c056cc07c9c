import type { IncomingMessage } from 'node:http'
import { limits } from '../limits.ts'

/** Reads the rest of a request unheard, for `ms`. `done` hears once whether it came whole. */
export function discardRest(
  message: IncomingMessage,
  done: (whole: boolean) => void,
  ms: number = limits.lingerMs,
): void {
  let open = true
  const finish = () => {
    if (!open) return
    open = false
    clearTimeout(timer)
    done(message.complete)
  }
  const timer = setTimeout(finish, ms)
  timer.unref()
  message.once('end', finish)
  message.once('close', finish)
  message.resume()
}
