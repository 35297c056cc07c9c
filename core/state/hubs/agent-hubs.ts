import { hash } from 'node:crypto'

/** Up to so many hubs, an agent keeps a link to each of them. */
const MOST_LINKED = 4
/** With more, it keeps links to so many. */
const CHOSEN = 3

/** Whether there are so many hubs that agents have links to some of them only, and the others relay. */
export const isPartial = (reachable: ReadonlyMap<string, string>): boolean => reachable.size > MOST_LINKED

/**
 * The hubs that an agent keeps links to, with their addresses by id: all of at most 4, otherwise the 3 of which a hash with
 * the agent's name is largest (rendezvous hashing). So all hubs choose alike, and one that starts or stops changes only its
 * own share.
 */
export function chooseHubs(
  hostname: string,
  reachable: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  if (!isPartial(reachable)) return reachable
  const weighed = [...reachable].map(([id, address]) => ({
    id,
    address,
    weight: hash('sha256', `${id} ${hostname}`),
  }))
  weighed.sort((a, b) => (a.weight < b.weight ? 1 : -1))
  return new Map(weighed.slice(0, CHOSEN).map(({ id, address }) => [id, address]))
}
