const EVERY_MS = 200

/** Shows on a terminal how many rows were copied; nothing elsewhere. `total` is an estimate; 0: unknown. */
export function createProgress(verb: string, total: number, stream: NodeJS.WriteStream = process.stderr) {
  let [rows, shownAt, shown] = [0, 0, false]
  const line = (table: string) => {
    const share = total > 0 ? ` (${Math.min(99, Math.floor((rows / total) * 100))} %)` : ''
    return `${verb} ${table}: ${rows.toLocaleString('en-US')} rows${share}`
  }
  return {
    add(table: string, count: number): void {
      rows += count
      const now = performance.now()
      if (!stream.isTTY || now - shownAt < EVERY_MS) return
      ;[shownAt, shown] = [now, true]
      stream.write(`\r\u001b[2K${line(table).slice(0, (stream.columns ?? 80) - 1)}`)
    },
    /** Removes the line. */
    end(): void {
      if (shown) stream.write('\r\u001b[2K')
    },
  }
}
