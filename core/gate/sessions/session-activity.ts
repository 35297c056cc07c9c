import { sql } from 'kysely'
import type { Database } from '../../api/database.ts'
import type { Sessions } from '../../api/sessions.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { HubTables } from '../../state/hubs/migrations.ts'
import { type RunningActivity, useHere } from './activity.ts'
import type { SessionTables } from './migrations.ts'

const TELL_MS = 2_000

/** Publishes the live streams of this hub every 2 s if they have changed, and reads those of the other hubs. */
export function createActivity(options: {
  readonly db: Database
  readonly sessions: {
    readonly live: Pick<Sessions['live'], 'countBy'> & { bySession(): Readonly<Record<string, number>> }
  }
  readonly instanceId: string
  readonly log: Log
}): RunningActivity {
  const { instanceId, log } = options
  const { live } = options.sessions
  const db = options.db.withTables<HubTables & SessionTables>()
  let written: string | null = '{}'
  let timer: NodeJS.Timeout | undefined
  let telling: Promise<void> = Promise.resolve()
  let stopped = false

  async function tell(): Promise<void> {
    const now = JSON.stringify(live.bySession())
    if (now === written) return
    try {
      await sql`INSERT INTO hub_streams (hub, sessions) VALUES (${instanceId}, ${now})
        ON CONFLICT (hub) DO UPDATE SET sessions = excluded.sessions`.execute(db)
      written = now
    } catch (error) {
      // Another hub may have deleted this hub's row in the meantime.
      written = null
      log.debug({ cause: messageOf(error) }, 'failed to publish the live streams of this hub')
    }
  }

  function schedule(): void {
    timer = setTimeout(() => {
      telling = tell().finally(() => {
        if (!stopped) schedule()
      })
    }, TELL_MS)
  }

  const here = useHere(live)

  async function elsewhere(ids: readonly string[]) {
    const [tellings, uses] = await Promise.all([
      db
        .selectFrom('hub_streams')
        .innerJoin('hubs', 'hubs.id', 'hub_streams.hub')
        .select('hub_streams.sessions')
        .where('hub_streams.hub', '!=', instanceId)
        .where(sql<boolean>`hubs.seen > now() - interval '10 seconds'`)
        .execute(),
      db.selectFrom('sessions').select(['id', 'last_used']).where(sql<boolean>`id = ANY(${ids})`).execute(),
    ])
    const streams = new Map<string, number>()
    for (const { sessions } of tellings) {
      for (const [id, count] of Object.entries(JSON.parse(sessions) as Record<string, number>))
        streams.set(id, (streams.get(id) ?? 0) + count)
    }
    return { streams, used: new Map(uses.map(({ id, last_used }) => [id, last_used])) }
  }

  return {
    async of(sessions) {
      if (sessions.length === 0) return here
      try {
        const { streams, used } = await elsewhere(sessions.map(({ id }) => id))
        return (session) => {
          const own = here(session)
          return {
            streams: own.streams + (streams.get(session.id) ?? 0),
            lastUsed: Math.max(own.lastUsed, used.get(session.id) ?? 0),
          }
        }
      } catch (error) {
        log.warn({ cause: messageOf(error) }, 'failed to read the live streams of other hubs')
        return here
      }
    },
    start: schedule,
    stop,
  }

  async function stop(): Promise<void> {
    stopped = true
    clearTimeout(timer)
    await telling
    await db
      .deleteFrom('hub_streams')
      .where('hub', '=', instanceId)
      .execute()
      .catch((error) =>
        log.debug({ cause: messageOf(error) }, 'failed to delete the published streams of this hub'),
      )
  }
}
