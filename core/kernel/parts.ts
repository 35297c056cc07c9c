import { messageOf } from './error.ts'
import type { Log } from './log.ts'

/** How one part of a program is made, started and stopped. `make`, `start` and `stop` get only what the part says that it reads. */
export interface Part<Made = unknown> {
  /** Parts that it reads while it is made; they are started before it, and stopped after it. */
  readonly needs?: readonly string[]
  /** Parts that it reads only once all are made, which may need it in turn. */
  readonly later?: readonly string[]
  /** Parts that must be started before it for another reason, with that reason. */
  readonly after?: Readonly<Record<string, string>>
  /** What plugins get of it, by the name of the service. */
  readonly provides?: Readonly<Record<string, (made: never, parts: never) => unknown>>
  make(parts: never): Made
  start?(made: Made, parts: never): unknown
  /** Called if the start was reached. */
  stop?(made: Made, parts: never): unknown
}

/** One line of `mezctl status --plugins`, in the order of the start. */
export interface PartStatus {
  readonly name: string
  readonly needs: readonly string[]
  readonly after: Readonly<Record<string, string>>
  readonly provides: readonly string[]
  /** How long its start took, in milliseconds; null before it has run, or if there is none. */
  readonly startMs: number | null
}

/** The parts of a program, of what is `given` to all of them. */
export interface Parts<Made> {
  /** Each part by name. A part is made when it is read, after those that it needs, and once. */
  readonly made: Made
  /** Makes every part, or these and what they need, in the order of the list. Throws if parts need each other meanwhile. */
  make(only?: readonly (keyof Made & string)[]): Made
  /** What the parts provide, by the name of the service. */
  provided(): Readonly<Record<string, unknown>>
  /**
   * Starts the parts, each after those that it needs, and otherwise in the order of the list. What was started is passed to
   * `onClose`, which calls the last one first.
   */
  start(onClose: (closer: () => unknown) => void): Promise<void>
  /** In the order of the start. */
  describe(): readonly PartStatus[]
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10

/** Connects parts: what each gets is read from the others when it asks. */
export function createParts<Given extends object, Made extends object>(
  given: Given,
  list: { readonly [Name in keyof Made]: Part<Made[Name]> },
  log: Log,
): Parts<Made & Given> {
  const parts = list as Readonly<Record<string, Part>>
  const names = Object.keys(parts)
  const made = { ...given } as Made & Given & Record<string, unknown>
  const underWay: string[] = []
  // Not enumerable, so that a copy of all that is there does not make what is not.
  for (const name of names)
    Object.defineProperty(made, name, { configurable: true, get: () => makeOne(name) })

  function makeOne(name: string): unknown {
    if (underWay.includes(name))
      throw new Error(`parts need each other while they are made: ${[...underWay, name].join(', ')}`)
    underWay.push(name)
    const value = parts[name]!.make(seenBy(name) as never)
    underWay.pop()
    Object.defineProperty(made, name, { value, enumerable: true })
    return value
  }

  /** What is given, and the parts that this one names. */
  function seenBy(name: string): object {
    const { needs = [], later = [] } = parts[name]!
    const seen = { ...given }
    for (const other of [...needs, ...later])
      Object.defineProperty(seen, other, { enumerable: needs.includes(other), get: () => made[other] })
    return seen
  }

  /** Throws if parts wait for each other. */
  function inOrder(): readonly string[] {
    const order: string[] = []
    const visit = (name: string, path: readonly string[]): void => {
      if (order.includes(name)) return
      if (path.includes(name)) throw new Error(`parts wait for each other: ${[...path, name].join(', ')}`)
      const { needs = [], after = {} } = parts[name]!
      for (const other of [...needs, ...Object.keys(after)]) visit(other, [...path, name])
      order.push(name)
    }
    for (const name of names) visit(name, [])
    return order
  }
  const order = inOrder()
  const times = new Map<string, number>()

  return {
    made,
    make(only = names as never) {
      for (const name of only) void made[name]
      return made
    },
    provided: () =>
      Object.fromEntries(
        names.flatMap((name) =>
          Object.entries(parts[name]!.provides ?? {}).map(([service, of]) => [
            service,
            of(made[name] as never, seenBy(name) as never),
          ]),
        ),
      ),
    async start(onClose) {
      const stopMs: Record<string, number> = {}
      onClose(() => log.info({ ms: stopMs }, 'the parts have stopped'))
      for (const name of order) {
        const { start, stop } = parts[name]!
        const [value, seen] = [made[name] as never, seenBy(name) as never]
        if (stop)
          onClose(async () => {
            const began = performance.now()
            await Promise.resolve(stop(value, seen)).catch((error) => {
              throw new Error(`${name}: ${messageOf(error)}`, { cause: error })
            })
            stopMs[name] = rounded(performance.now() - began)
          })
        if (!start) continue
        const began = performance.now()
        await start(value, seen)
        times.set(name, rounded(performance.now() - began))
      }
      log.info({ ms: Object.fromEntries(times) }, 'the parts have started')
    },
    describe: () =>
      order.map((name) => {
        const { needs = [], after = {}, provides = {} } = parts[name]!
        const startMs = times.get(name) ?? null
        return { name, needs, after, provides: Object.keys(provides), startMs }
      }),
  }
}
