import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { inTurns } from '../../kernel/turns.ts'

/** Lists with more entries are written in turns; those with fewer take less than a millisecond. */
const LONG = 100
/** How deep in a response a list is looked for. */
const DEEPEST = 3
/** Characters that are encoded and written at once. */
const CHUNK = 65_536

/**
 * Writes long lists in responses as JSON in turns of the event loop: 5,000 people take 40 ms of processor time, for which every
 * application of the hub would wait.
 */
export function writeInTurns(app: FastifyInstance): void {
  app.addHook('preSerialization', async (_request, reply, payload) => {
    if (isGenerated(payload) || hasLongList(payload)) {
      const chunks = new Chunks()
      await write(payload, chunks)
      const all = chunks.end()
      reply.header(
        'content-length',
        all.reduce((sum, { length }) => sum + length, 0),
      )
      reply.serializer(() => Readable.from(all) as unknown as string)
    }
    return payload
  })
}

/** Text in pieces of some length, as bytes. */
class Chunks {
  readonly #done: Buffer[] = []
  #text = ''

  add(text: string): void {
    this.#text += text
    if (this.#text.length < CHUNK) return
    this.#done.push(Buffer.from(this.#text))
    this.#text = ''
  }

  end(): readonly Buffer[] {
    return [...this.#done, Buffer.from(this.#text)]
  }
}

function hasLongList(value: unknown, depth = 0): boolean {
  if (Array.isArray(value))
    return value.length > LONG || (depth < DEEPEST && value.some((one) => hasLongList(one, depth + 1)))
  return depth < DEEPEST && isPlain(value) && Object.values(value).some((one) => hasLongList(one, depth + 1))
}

/** Writes the same text as `JSON.stringify`, and what is generated as a list. */
async function write(value: unknown, to: Chunks, depth = 0): Promise<void> {
  const generated = isGenerated(value)
  if (!generated && !hasLongList(value, depth)) return to.add(JSON.stringify(value) ?? 'null')
  let separator = ''
  if (generated || Array.isArray(value)) {
    to.add('[')
    for await (const one of generated ? value : inTurns(value as readonly unknown[])) {
      to.add(separator)
      separator = ','
      if (hasLongList(one, depth + 1)) await write(one, to, depth + 1)
      else to.add(JSON.stringify(one) ?? 'null')
    }
    return to.add(']')
  }
  to.add('{')
  for (const [key, one] of Object.entries(value as object)) {
    // JSON has no such values: `JSON.stringify` leaves their members out.
    if (JSON.stringify(Array.isArray(one) ? [] : one) === undefined) continue
    to.add(`${separator}${JSON.stringify(key)}:`)
    separator = ','
    await write(one, to, depth + 1)
  }
  to.add('}')
}

const isGenerated = (value: unknown): value is AsyncIterable<unknown> =>
  Object.prototype.toString.call(value) === '[object AsyncGenerator]'

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  !('toJSON' in value)
