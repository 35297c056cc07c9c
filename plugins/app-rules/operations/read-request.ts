import type {
  BodyTransform,
  OperationRefusal,
  OperationResponse,
  ReadOperations,
  RefusedOperation,
} from '@mezite/core/types'
import type { Protocol } from './operation-rule.ts'

/** What a reader of a protocol has found. */
export interface Found {
  readonly names: readonly string[]
  readonly fault: string | null
  /** The arguments of each operation, by name. */
  readonly arguments: readonly Readonly<Record<string, unknown>>[]
  refuse(problem: RefusedOperation, fault: string | null): OperationRefusal | null
  /** Makes what filters the lists of the response; `mayDo`: whether an operation is allowed. */
  filter?(head: OperationResponse, mayDo: (operation: string) => boolean): (() => BodyTransform) | null
}

type MayDo = (operation: string) => boolean

const LONGEST_NAMES = 256
const LONGEST_VALUE = 256
const LONGEST_ARGUMENTS = 2_048

/** The operations of one request. The decision about it fills in what only the rules know. */
export class ReadRequest implements ReadOperations {
  readonly protocol: Protocol
  /** Names of the arguments that rules want in records. */
  recorded: ReadonlySet<string> = new Set()
  /** Whether the rules of the caller allow another operation at the same address; for an agent, also those of its own. */
  readonly mayDo: { own?: MayDo; agent?: MayDo } = {}
  readonly #found: Found

  constructor(protocol: Protocol, found: Found) {
    this.protocol = protocol
    this.#found = found
  }

  get names() {
    return this.#found.names
  }

  get fault() {
    return this.#found.fault
  }

  get record(): Readonly<Record<string, string>> {
    const { names } = this.#found
    if (names.length === 0) return {}
    const prefix = this.protocol === 'graphql' ? 'graphql ' : ''
    const given = this.recorded.size === 0 ? '' : this.#arguments()
    return { operation: prefix + listed(names), ...(given !== '' && { arguments: given }) }
  }

  refuse(problem: RefusedOperation): OperationRefusal | null {
    return this.#found.refuse(problem, this.fault)
  }

  get response() {
    const { filter } = this.#found
    return filter === undefined
      ? null
      : (head: OperationResponse) => filter(head, (operation) => this.#mayDo(operation))
  }

  #mayDo(operation: string): boolean {
    const rules = Object.values(this.mayDo)
    return rules.length > 0 && rules.every((mayDo) => mayDo(operation))
  }

  /** The arguments that rules name. Records say that there were others, and not which values they had. */
  #arguments(): string {
    const chosen = this.#found.arguments.map((given) =>
      Object.fromEntries(
        Object.entries(given).flatMap(([name, value]) =>
          this.recorded.has(name) ? [[name, shortened(value)]] : [],
        ),
      ),
    )
    const text = JSON.stringify(chosen.length === 1 ? chosen[0] : chosen)
    return text.length <= LONGEST_ARGUMENTS ? text : `${text.slice(0, LONGEST_ARGUMENTS)}…`
  }
}

function shortened(value: unknown): unknown {
  const text = JSON.stringify(value)
  return text.length <= LONGEST_VALUE ? value : `${text.slice(0, LONGEST_VALUE)}…`
}

/** Operations as one text of a bounded length. */
function listed(names: readonly string[]): string {
  let text = names[0] as string
  for (let at = 1; at < names.length; at++) {
    const longer = `${text}, ${names[at]}`
    if (longer.length > LONGEST_NAMES) return `${text.slice(0, LONGEST_NAMES)} +${names.length - at}`
    text = longer
  }
  return text.slice(0, LONGEST_NAMES * 2)
}
