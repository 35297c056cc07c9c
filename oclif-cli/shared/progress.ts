const SILENT_MS = 500

/** Waits for `work`; when it takes longer than half a second, a terminal shows what is going on until it ends. */
export async function withProgress<T>(title: string, work: Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work
  let shown = false
  const timer = setTimeout(() => {
    shown = true
    process.stderr.write(`${title}…`)
  }, SILENT_MS)
  try {
    return await work
  } finally {
    clearTimeout(timer)
    if (shown) process.stderr.write('\r\u001b[K')
  }
}
