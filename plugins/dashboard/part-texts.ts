/** A text of a plugin in the reader's language; the text itself if the plugin has none. */
export type Say = (english: string) => string

/** Longer texts are compared as a whole only, because a pattern takes more time the longer a text is. */
const MOST_MATCHED = 1_000

/** How a part is shown to readers of a language. */
export function sayIn(
  texts: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined,
  language: string,
): Say {
  const words = texts?.[language]
  if (words === undefined) return (english) => english
  const patterns = Object.entries(words)
    .filter(([english]) => english.includes('{}'))
    .map(([english, said]) => [patternOf(english), said] as const)
  return (english) => {
    const whole = Object.hasOwn(words, english) ? words[english] : undefined
    if (whole !== undefined) return whole
    if (english.length > MOST_MATCHED) return english
    for (const [pattern, said] of patterns) {
      const values = pattern.exec(english)?.slice(1)
      if (values !== undefined) return said.replaceAll('{}', () => values.shift() ?? '')
    }
    return english
  }
}

const patternOf = (english: string): RegExp =>
  new RegExp(`^${english.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('\\{\\}', '(.*)')}$`, 's')
