import { type HubAddress, readHubAddress } from './hub-address.ts'
import type { Message } from './hub-link.ts'

const MOST_HUBS = 64

/** The live hubs in the latest list of one of them, with their direct addresses. */
export class HubList {
  #addresses: ReadonlyMap<string, HubAddress | null> = new Map()

  get ids(): readonly string[] {
    return [...this.#addresses.keys()]
  }

  /** Undefined if the hub has no direct address. */
  addressOf(id: string): HubAddress | undefined {
    return this.#addresses.get(id) ?? undefined
  }

  /** Applies the list of a message, if it has one. */
  read({ instances, addresses }: Message): void {
    if (!Array.isArray(instances)) return
    const texts = Object(addresses) as Record<string, unknown>
    const addressIn = (id: string): HubAddress | null => {
      const text = Object.hasOwn(texts, id) ? texts[id] : null
      return typeof text === 'string' ? readHubAddress(text) : null
    }
    const ids = instances.map(String).slice(0, MOST_HUBS)
    this.#addresses = new Map(ids.map((id) => [id, addressIn(id)]))
  }
}
