import type { HttpHooks } from '@mezite/core/protocol'

/** Changes a body while it passes. */
export type BodyTransform = ReturnType<Parameters<Parameters<HttpHooks['request']>[1]['transform']>[0]>

/** A transform of a plugin, created for each body. */
export interface NamedTransform {
  readonly plugin: string
  readonly make: () => BodyTransform
}

/** By how many bytes the result may differ from what came, if the transform does not say. */
const MOST_BYTES = 1 << 20
const NOTHING = Buffer.alloc(0)

class Stage {
  readonly #plugin: string
  readonly #make: () => BodyTransform
  #transform: BodyTransform | null = null
  #difference = 0

  constructor({ plugin, make }: NamedTransform) {
    this.#plugin = plugin
    this.#make = make
  }

  pass(chunk: Buffer, last: boolean): Buffer {
    this.#transform ??= this.#make()
    const begun = chunk.length > 0 ? this.#bytes(this.#transform.write(chunk)) : NOTHING
    const ended = last ? this.#bytes(this.#transform.end()) : NOTHING
    this.#difference += chunk.length - begun.length - ended.length
    const most = this.#transform.maxBytes ?? MOST_BYTES
    // Nobody waits for the end of a body to find that it does not fit.
    if (Math.abs(this.#difference) > most)
      throw new RangeError(`the transform of '${this.#plugin}' holds back or adds more than ${most} bytes`)
    return ended.length === 0 ? begun : Buffer.concat([begun, ended])
  }

  #bytes(given: unknown): Buffer {
    if (given instanceof Uint8Array) return Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    // A promise would put the bytes out of order.
    if (given instanceof Promise) given.catch(() => {})
    throw new TypeError(`the transform of '${this.#plugin}' did not return bytes`)
  }
}

/** Passes a body through the transforms of plugins, in their order. Synchronous, so back-pressure is that of the body. */
export class BodyPipeline {
  readonly #stages: readonly Stage[]

  constructor(transforms: readonly NamedTransform[]) {
    this.#stages = transforms.map((one) => new Stage(one))
  }

  /** Throws what a transform throws, and for one that holds back or adds too much. */
  write(chunk: Buffer): Buffer {
    return this.#stages.reduce((bytes, stage) => stage.pass(bytes, false), chunk)
  }

  /** The last bytes; `chunk` may be empty. */
  end(chunk: Buffer = NOTHING): Buffer {
    return this.#stages.reduce((bytes, stage) => stage.pass(bytes, true), chunk)
  }
}
