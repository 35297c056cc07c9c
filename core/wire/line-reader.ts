/**
 * Splits bytes into lines of JSON objects. Calls `onBroken` once for a line that is too long or not an object, and stops
 * reading.
 */
export function createLineReader(options: {
  readonly maxBytes: number
  readonly onMessage: (message: Readonly<Record<string, unknown>>) => void
  readonly onBroken: (reason: string) => void
}): (chunk: Buffer) => void {
  let held: Buffer[] = []
  let size = 0
  let broken = false
  const fail = (reason: string): void => {
    broken = true
    held = []
    options.onBroken(reason)
  }
  return (chunk) => {
    let rest = chunk
    while (!broken && rest.length > 0) {
      const at = rest.indexOf(10)
      const part = at < 0 ? rest : rest.subarray(0, at)
      size += part.length
      if (size > options.maxBytes) return fail('line too long')
      if (at < 0) return void held.push(Buffer.from(part))
      const line = Buffer.concat([...held, part]).toString('utf8')
      held = []
      size = 0
      rest = rest.subarray(at + 1)
      const message = parseObject(line)
      if (!message) return fail('line is not a JSON object')
      options.onMessage(message)
    }
  }
}

/** Encodes one message as a line. */
export function encodeLine(message: object): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`)
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
