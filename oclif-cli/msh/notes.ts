import { escapeText } from '@mezite/cli-shared'

const SAME_MS = 1_000

/** Writes remarks, escaped; the same one at most once a second, since a thousand connections may fail alike. */
export function createNotes(write: (text: string) => void): (text: string) => void {
  const said = new Map<string, number>()
  return (text) => {
    const now = performance.now()
    for (const [other, at] of said) if (now - at > SAME_MS) said.delete(other)
    if (said.has(text)) return
    said.set(text, now)
    write(escapeText(text))
  }
}
