import {
  type Clock,
  type Log,
  messageOf,
  type Notification,
  type Revisions,
  type Transaction,
} from '@mezite/core'
import type { DeviceTables } from './migrations.ts'
import { type Device, type DeviceStore, KIND, type Seen } from './store.ts'
import { texts } from './texts.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Networks and programs that are remembered of a device, each. */
const MOST_SEEN = 64
const LONGEST_AGENT = 256

/** Where and by which program each device is used. */
export interface Uses {
  /** Notes a request: cheap unless something is new. */
  note(device: Device, clientIp: string, userAgent: string): void
}

/** What was noted last of a device here, before it is in the database. */
interface Noted extends Seen {
  readonly ip: string
  readonly agent: string
  readonly at: number
}

/**
 * A use is stored when something about it is new, and else once an hour. The first use by another program in another network is recorded
 * and notifies the person.
 */
export function createUses(needs: {
  readonly revisions: Pick<Revisions, 'write'>
  readonly store: Pick<DeviceStore, 'rowIn'>
  readonly appName: (id: string) => string
  readonly notify: ((one: Notification, trx: Transaction) => Promise<void>) | null
  readonly clock: Clock
  readonly log: Log
}): Uses {
  const { revisions, store, appName, notify, clock, log } = needs
  const latest = new Map<string, Noted>()

  function lastOf(device: Device): Noted {
    const { id, seen, last_at, last_ip, last_agent } = device
    const known = latest.get(id)
    if (known !== undefined && known.at >= (last_at ?? 0)) return known
    return { ...seen, ip: last_ip ?? '', agent: last_agent ?? '', at: last_at ?? 0 }
  }

  return {
    note(device, ip, userAgent) {
      const now = clock.now()
      const agent = userAgent.slice(0, LONGEST_AGENT)
      const last = lastOf(device)
      const isSame = last.ip === ip && last.agent === agent
      if (isSame && now - last.at < HOUR_MS) return
      const seen = withUse(last, ip, agent)
      const isNew = seen.networks.length > last.networks.length || seen.agents.length > last.agents.length
      // Someone who sends another name each time makes no more writes than this.
      if (!isNew && now - last.at < MINUTE_MS) return
      latest.delete(device.id)
      latest.set(device.id, { ...seen, ip, agent, at: now })
      if (latest.size > MOST_REMEMBERED) latest.delete(latest.keys().next().value as string)
      write(device, { ip, agent, at: now }).catch((error) =>
        log.warn({ device: device.id, cause: messageOf(error) }, 'failed to store the use of a device'),
      )
    },
  }

  async function write({ id }: Device, { ip, agent, at }: Pick<Noted, 'ip' | 'agent' | 'at'>) {
    await revisions.write(async (trx, change) => {
      const row = await store.rowIn(trx, id)
      if (row === undefined || row.removed !== null) return
      const before = JSON.parse(row.seen) as Seen
      const seen = withUse(before, ip, agent)
      const isMoved =
        row.first_at !== null &&
        seen.networks.length > before.networks.length &&
        seen.agents.length > before.agents.length
      await trx
        .withTables<DeviceTables>()
        .updateTable('devices')
        .set({
          ...(row.first_at === null && { first_at: at, first_ip: ip, first_agent: agent }),
          ...{ last_at: at, last_ip: ip, last_agent: agent },
          ...{ seen: JSON.stringify(seen), ...(isMoved && { moved: at }) },
        })
        .where('id', '=', id)
        .execute()
      // It affects no decision.
      change.noted(KIND, id)
      if (!isMoved) return
      const app = appName(row.app)
      await change.audit({
        type: 'device.moved',
        success: true,
        user: row.user_name,
        sessionId: id,
        clientIp: ip,
        fields: { name: row.name, app, user_agent: agent },
      })
      const words = texts[row.language].moved
      const about = { kind: 'device', severity: 'warning', path: '/web/account#devices' } as const
      const title = words.title(row.name, app)
      await notify?.({ ...about, user: row.user_name, title, text: words.text(ip, agent) }, trx)
    })
  }
}

const MOST_REMEMBERED = 100_000

function withUse({ networks, agents }: Seen, ip: string, agent: string): Seen {
  return { networks: including(networks, networkOf(ip)), agents: including(agents, programOf(agent)) }
}

/** Full lists change no more: a person has been notified often enough by then. */
const including = (list: readonly string[], one: string) =>
  list.includes(one) || list.length >= MOST_SEEN ? list : [...list, one]

/** The network of an address in canonical text, in the size that one owner usually gets: IPv4 /24, IPv6 /48. */
export function networkOf(ip: string): string {
  if (!ip.includes(':')) return ip.split('.').slice(0, 3).join('.')
  const [before = '', after = ''] = ip.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === '' ? [] : after.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0')
  return [...head, ...(ip.includes('::') ? zeros : []), ...tail].slice(0, 3).join(':')
}

/** The program without its versions: an update is not another program. */
export const programOf = (agent: string): string => agent.replace(/\d[\w.]*/g, '#')
