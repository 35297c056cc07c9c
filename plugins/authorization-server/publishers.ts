import type { errors } from 'oidc-provider'

/** Origins whose programs people may let in, as the configuration has them. */
export const ORIGIN = '^https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?$'

/** The publisher of a program that is known by the metadata at its client ID; null for every other program. */
const publisherOf = (clientId: string): string | null =>
  /^https:/i.test(clientId) ? (URL.parse(clientId)?.origin ?? clientId) : null

/** The publishers of programs that people may let in. */
export interface Publishers {
  /** Whether it may be let in, as far as its publisher decides. True for a program that publishes no metadata. */
  admits(clientId: string): boolean
  /** Throws for the program of another publisher, before anything is fetched for it. */
  check(clientId: string): void
}

/** `origins`: those of the configuration; undefined: any. They are compared as a whole, so that no name of another host is one of them. */
export function createPublishers(
  origins: readonly string[] | undefined,
  thrown: Pick<typeof errors, 'InvalidClient'>,
): Publishers {
  const allowed = origins && new Set(origins.map((origin) => new URL(origin).origin))
  const refusedPublisher = (clientId: string): string | null => {
    const publisher = publisherOf(clientId)
    return publisher === null || allowed === undefined || allowed.has(publisher) ? null : publisher
  }
  return {
    admits: (clientId) => refusedPublisher(clientId) === null,
    check(clientId) {
      const publisher = refusedPublisher(clientId)
      if (publisher === null) return
      const refused = new thrown.InvalidClient(`programs of ${publisher.slice(0, 100)} are not allowed here`)
      // For the page, which says it to the person.
      throw Object.assign(refused, { publisher })
    },
  }
}

/** The host of the publisher whose program was refused; null for another error. */
export function refusedHostOf(error: unknown): string | null {
  const { publisher } = Object(error) as { publisher?: unknown }
  return typeof publisher === 'string' ? (URL.parse(publisher)?.host ?? null) : null
}
