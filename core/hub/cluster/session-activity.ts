import { sql } from 'kysely'
import type { Database } from '../../api/database.ts'
import type { Session, Sessions } from '../../api/sessions.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { SessionTables } from '../sessions/migrations.ts'
import type { Activity, Use } from './activity.ts'
import type { HubTables } from './migrations.ts'

const TELL_MS = 2_000

export interface RunningActivity extends Activity {
  /** After the registry: what is told counts while the hub itself does. What it returns stops it. */
  start(): () => Promise<void>
}

/**
 * Tells the other hubs every 2 s, when it is not as before, what is open here, and reads what is open there. With an
 * embedded database there is one hub, and nothing is written.
 */
export function createActivity(options: {
  readonly db: Database
  readonly sessions: {
    readonly live: Pick<Sessions['live'], 'countBy'> & { bySession(): Readonly<Record<string, number>> }
  }
  readonly instanceId: string
  readonly alone: boolean
  readonly log: Log
}): RunningActivity {
  const { instanceId, alone, log } = options
  const { live } = options.sessions
  const db = options.db.withTables<HubTables & SessionTables>()
  let told: string | null = '{}'
  let timer: NodeJS.Timeout | undefined
  let telling: Promise<void> = Promise.resolve()
  let stopped = false

  async function tell(): Promise<void> {
    const now = JSON.stringify(live.bySession())
    if (now === told) return
    try {
      await sql`INSERT INTO hub_streams (hub, sessions) VALUES (${instanceId}, ${now})
        ON CONFLICT (hub) DO UPDATE SET sessions = excluded.sessions`.execute(db)
      told = now
    } catch (error) {
      // Others may have forgotten this hub meanwhile.
      told = null
      log.debug({ cause: messageOf(error) }, 'what is open at this hub could not be told')
    }
  }

  function schedule(): void {
    timer = setTimeout(() => {
      telling = tell().finally(() => {
        if (!stopped) schedule()
      })
    }, TELL_MS)
  }

  const here = ({ id, lastUsed }: Session): Use => ({ streams: live.countBy({ sessionId: id }), lastUsed })

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
      if (alone || sessions.length === 0) return here
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
        log.warn({ cause: messageOf(error) }, 'what is open at other hubs cannot be read')
        return here
      }
    },
    start() {
      if (!alone) schedule()
      return stop
    },
  }

  async function stop(): Promise<void> {
    stopped = true
    clearTimeout(timer)
    await telling
    if (alone) return
    await db
      .deleteFrom('hub_streams')
      .where('hub', '=', instanceId)
      .execute()
      .catch((error) => log.debug({ cause: messageOf(error) }, 'this hub could not take back what is open'))
  }
}
