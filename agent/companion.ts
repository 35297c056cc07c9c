import { type Log, messageOf } from '@mezite/core/agent'
import type { HubConnection } from './hub-dialer.ts'
import { type HubLink, openHubLink } from './hub-link.ts'

/** The companion of one link: a second connection to the same hub, which the hub uses beside a bulk transfer. */
export interface Companion {
  /** Dials it, unless it is there or under way. A failure is only logged: the hub does without it, and asks again. */
  open(dial: () => Promise<HubConnection>): void
  /** Call it when the link has ended. */
  close(): void
}

/** `links` has the companion while it is open. */
export function createCompanion(options: {
  readonly links: Set<HubLink>
  readonly serving: Omit<Parameters<typeof openHubLink>[0], 'socket' | 'onUp' | 'onMessage' | 'onClosed'>
  readonly log: Log
}): Companion {
  const { links, serving, log } = options
  let link: HubLink | null = null
  let dialling = false
  let over = false

  function serve({ socket }: HubConnection): void {
    if (over) return void socket.destroy()
    const made = openHubLink({
      ...serving,
      socket,
      companion: true,
      onUp: () => log.debug({}, 'a companion of the link carries streams'),
      // Messages are for the link.
      onMessage() {},
      onClosed(reason) {
        links.delete(made)
        link = null
        log.debug({ reason }, 'the companion of the link has ended')
      },
    })
    link = made
    links.add(made)
  }

  return {
    open(dial) {
      if (link || dialling || over) return
      dialling = true
      dial()
        .then(serve, (error: unknown) => {
          log.debug({ error: messageOf(error) }, 'cannot open a companion of the link')
        })
        .finally(() => {
          dialling = false
        })
    },
    close() {
      over = true
      link?.close()
    },
  }
}
