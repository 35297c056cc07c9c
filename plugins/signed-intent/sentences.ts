import { Type } from '@mezite/core'

/** `spec.plugins.signed-intent` of an app. */
export const IntentConfig = Type.Closed({
  sentences: Type.Array(
    Type.Closed({
      methods: Type.Array(Type.String({ minLength: 1, maxLength: 32 }), {
        minItems: 1,
        maxItems: 32,
        description: 'DELETE, POST, …',
      }),
      path: Type.String({
        pattern: '^/[^?#]*$',
        maxLength: 1_024,
        description: '/repos/{owner}/{name}: each part in braces is one segment',
      }),
      text: Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'What the request does, for the person who signs it: Delete repository {name}',
      }),
    }),
    { maxItems: 200, default: [], description: 'What requests do, in words; the first that fits counts' },
  ),
})

interface Template {
  readonly methods: readonly string[]
  readonly path: string
  readonly text: string
}

/** A part of a sentence; `value` came from the request. */
export interface SentencePart {
  readonly text: string
  readonly value: boolean
}

const LONGEST_VALUE = 80

/** The sentence about a request by the first template that fits, or null. A path that servers read in different ways has none. */
export function sentenceFor(
  templates: readonly Template[],
  method: string,
  path: string,
): readonly SentencePart[] | null {
  const segments = segmentsOf(path)
  if (segments === null) return null
  for (const { methods, path: pattern, text } of templates) {
    if (!methods.includes(method) && !methods.includes('*')) continue
    const values = matched(pattern.split('/').slice(1), segments)
    if (values === null) continue
    return text
      .split(/\{([a-zA-Z0-9_]+)\}/)
      .map((part, at) =>
        at % 2 === 0
          ? { text: part, value: false }
          : { text: shown(values.get(part) ?? `{${part}}`), value: true },
      )
      .filter(({ text }) => text !== '')
  }
  return null
}

/** Null if a segment does not stand for itself. */
function segmentsOf(path: string): readonly string[] | null {
  try {
    const segments = path.split('/').slice(1).map(decodeURIComponent)
    const plain = segments.every((one) => one !== '.' && one !== '..' && !/[/\\;%\0]/.test(one))
    return plain && !segments.slice(0, -1).includes('') ? segments : null
  } catch {
    return null
  }
}

function matched(pattern: readonly string[], segments: readonly string[]): Map<string, string> | null {
  if (pattern.length !== segments.length) return null
  const values = new Map<string, string>()
  for (const [at, part] of pattern.entries()) {
    const name = /^\{([a-zA-Z0-9_]+)\}$/.exec(part)?.[1]
    const segment = segments[at] as string
    if (name === undefined ? part !== segment : segment === '') return null
    if (name !== undefined) values.set(name, segment)
  }
  return values
}

/** Without characters that are invisible or change the direction of the text. */
export function shown(text: string, longest = LONGEST_VALUE): string {
  const plain = text.replace(/[\p{C}\p{Z}]/gu, (one) => (one === ' ' ? ' ' : '\ufffd'))
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain
}
