import type { Responses } from '../api-types.ts'

type Event = Responses['GET /audit'][number]

const RETRY_MS = 2_000

/**
 * Calls back with events as they happen, until the returned function is called. Connects again after a failure. Events from
 * before a connection do not arrive on it: `onOpen` is when to load them.
 */
export function followAudit(onEvents: (events: readonly Event[]) => void, onOpen: () => void): () => void {
  const stop = new AbortController()
  const read = async () => {
    const response = await fetch('/v1/webapi/audit/tail', { signal: stop.signal })
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
    onOpen()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      const events = lines.filter(Boolean).map((line) => JSON.parse(line) as Event)
      if (events.length > 0) onEvents(events)
    }
  }
  const run = async () => {
    while (!stop.signal.aborted) {
      await read().catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
  void run()
  return () => stop.abort()
}
