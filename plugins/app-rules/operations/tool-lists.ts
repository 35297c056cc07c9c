import type { BodyTransform, OperationResponse } from '@mezite/core/types'
import { isMembers, type Members } from './json-body.ts'

/** Bytes of a response, or of one event of a stream, that are held until they can be filtered. */
const MOST_BYTES = 4 * 1024 * 1024

/** The operations that the entries of a list are for. */
const LISTS: readonly { readonly list: string; readonly operation: string; readonly member: string }[] = [
  { list: 'tools', operation: 'tools/call', member: 'name' },
  { list: 'prompts', operation: 'prompts/get', member: 'name' },
  { list: 'resources', operation: 'resources/read', member: 'uri' },
]

type MayDo = (operation: string) => boolean

/**
 * Takes away the tools, prompts and resources that the caller may not use from the lists that a server sends, whatever they are a response to:
 * streams that are opened again repeat older messages. Null: the response has no messages.
 */
export function filterLists({ headers }: OperationResponse, mayDo: MayDo): (() => BodyTransform) | null {
  const of = (name: string) =>
    headers.findLast((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name)?.toLowerCase()
  const type = of('content-type')?.split(';', 1)[0]?.trim()
  if (type !== 'application/json' && type !== 'text/event-stream') return null
  // The hub has asked for a response that is not compressed.
  if ((of('content-encoding') ?? 'identity') !== 'identity')
    throw new Error('the app compressed a response that must be filtered')
  return type === 'application/json' ? () => new JsonFilter(mayDo) : () => new EventFilter(mayDo)
}

class JsonFilter implements BodyTransform {
  readonly maxBytes = MOST_BYTES
  readonly #mayDo: MayDo
  readonly #pieces: Uint8Array[] = []

  constructor(mayDo: MayDo) {
    this.#mayDo = mayDo
  }

  write(chunk: Uint8Array): Uint8Array {
    this.#pieces.push(Buffer.from(chunk))
    return Buffer.alloc(0)
  }

  end(): Uint8Array {
    const body = Buffer.concat(this.#pieces)
    const text = filtered(body.toString('utf8').replace(/^\ufeff/, ''), this.#mayDo)
    return text === null ? body : Buffer.from(text)
  }
}

/** Holds each event until it is complete. */
class EventFilter implements BodyTransform {
  readonly maxBytes = MOST_BYTES
  readonly #mayDo: MayDo
  #rest = Buffer.alloc(0)
  /** Where the search for the end of the event goes on. */
  #searched = 0

  constructor(mayDo: MayDo) {
    this.#mayDo = mayDo
  }

  write(chunk: Uint8Array): Uint8Array {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk])
    const out: Buffer[] = []
    for (let end = this.#end(); end > 0; end = this.#end()) {
      out.push(this.#event(this.#rest.subarray(0, end)))
      this.#rest = this.#rest.subarray(end)
      this.#searched = 0
    }
    return Buffer.concat(out)
  }

  /** A client drops an event that is not complete. */
  end(): Uint8Array {
    return Buffer.alloc(0)
  }

  /** The place after the empty line that ends an event; 0: it is not there yet. Lines end in LF, CR LF or CR. */
  #end(): number {
    const rest = this.#rest
    for (let at = this.#searched; at < rest.length; at++) {
      if (rest[at] !== 0x0a && rest[at] !== 0x0d) continue
      const next = rest[at] === 0x0d && rest[at + 1] === 0x0a ? at + 2 : at + 1
      // A CR at the end may be the first half of a CR LF.
      if (next >= rest.length || (rest[next] === 0x0d && next + 1 >= rest.length)) {
        if (rest[next] === 0x0a) return next + 1
        this.#searched = at
        return 0
      }
      if (rest[next] === 0x0a) return next + 1
      if (rest[next] === 0x0d) return rest[next + 1] === 0x0a ? next + 2 : next + 1
      this.#searched = at + 1
    }
    this.#searched = Math.max(this.#searched, rest.length - 1, 0)
    return 0
  }

  #event(bytes: Buffer): Buffer {
    const lines = bytes.toString('utf8').split(/\r\n|\n|\r/)
    const data = lines.flatMap((line) => {
      const value = /^data(?::|$) ?(.*)$/s.exec(line)?.[1]
      return value === undefined ? [] : [value]
    })
    const text = data.length === 0 ? null : filtered(data.join('\n'), this.#mayDo)
    if (text === null) return bytes
    const others = lines.filter((line) => line !== '' && !/^data(?::|$)/.test(line))
    return Buffer.from([...others, `data: ${text}`, '', ''].join('\n'))
  }
}

/** The message without what the caller may not use; null: nothing had to be taken away. */
function filtered(text: string, mayDo: MayDo): string | null {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return null
  }
  const messages = Array.isArray(document) ? (document as unknown[]) : [document]
  const made = messages.map((message) => withoutForbidden(message, mayDo))
  if (made.every((message, at) => message === messages[at])) return null
  return JSON.stringify(Array.isArray(document) ? made : made[0])
}

function withoutForbidden(message: unknown, mayDo: MayDo): unknown {
  if (!isMembers(message) || !isMembers(message.result)) return message
  let result: Members = message.result
  for (const { list, operation, member } of LISTS) {
    const entries = result[list]
    if (!Array.isArray(entries)) continue
    const kept = entries.filter(
      (entry) =>
        isMembers(entry) && typeof entry[member] === 'string' && mayDo(`${operation}:${entry[member]}`),
    )
    if (kept.length < entries.length) result = { ...result, [list]: kept }
  }
  return result === message.result ? message : { ...message, result }
}
