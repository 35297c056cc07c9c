/**
 * The rooms of a hub that open sessions, on the PostgreSQL of the first argument. Tells when it is ready, and then for
 * each order how many it opened. The second argument is `first` for the hub that creates the people.
 */

import type { App, Session } from '@mezite/core'
import { sql } from 'kysely'
import { systemClock } from '../../../core/kernel/clock.ts'
import { startRooms } from '../../gate/sessions/start-rooms.ts'
import { open as openDatabase } from '../../state/database/stores.ts'
import type { SessionOrder, SessionReport } from '../rows/sign-ins.ts'

/** Of each hub. */
const PEOPLE = 1_000
const AT_ONCE = 256
const issuer = 'https://id.example.com'
const nonceHash = 'n'.repeat(43)
const [url = '', role = ''] = process.argv.slice(2)

const database = await openDatabase({ driver: 'postgres', url })
const rooms = await startRooms(database)
const { users, sessions, revisions } = rooms
// Nobody signs in at two hubs at the same moment. The second sign-in would find the row of the person locked, and become a
// change, which waits for all others.
const peopleOf = (hub: string): string[] => Array.from({ length: PEOPLE }, (_, n) => `${hub}-${n}`)
const people = peopleOf(role)
if (role === 'first') {
  const all = ['first', 'second'].flatMap(peopleOf)
  await revisions.write(async (trx, change) => {
    await sql`INSERT INTO users (key, name, own_roles, mapped_roles, created, issuer, sub, connector)
      SELECT name, name, '[]', '[]', 0, ${issuer}, name, 'sso' FROM unnest(${all}::text[]) AS name`.execute(
      trx,
    )
    for (const name of all) change.touch('user', name)
  })
}

/** As the hub does once the identity provider has answered. */
async function signIn(n: number): Promise<Session> {
  const name = people[n % PEOPLE]!
  const user = await users.signIn({ name, issuer, sub: name, connector: 'sso', mappedRoles: [] })
  const { session } = await sessions.open({
    kind: 'hub',
    user: user.name,
    holder: user.holder,
    connector: 'sso',
    clientIp: '192.0.2.1',
    expires: systemClock.now() + 3_600_000,
  })
  return session
}

let signedIn: readonly Session[] = []
async function visit(n: number): Promise<unknown> {
  const app = { id: `app-${Math.floor(n / PEOPLE)}` } as App
  const hubSession = signedIn[n % PEOPLE]!
  const code = await sessions.tickets.issue({ hubSession, app, nonceHash, satisfied: [] })
  const redeemed = await sessions.tickets.redeem({ code, app, nonceHash, clientIp: '192.0.2.1' })
  if (redeemed === null) throw new Error('a code was refused')
  return redeemed
}

/** Acts `AT_ONCE` times at once, until `isOver` says so. */
async function crowd(act: () => Promise<unknown>, isOver: () => boolean): Promise<void> {
  const work = async (): Promise<void> => {
    while (!isOver()) await act()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

let next = 0
async function open({ what, seconds }: SessionOrder): Promise<SessionReport> {
  await revisions.catchUp()
  if (what === 'visits' && signedIn.length === 0) {
    // No more at once than are measured: the last of a thousand would wait for longer than a change may.
    const found: Session[] = []
    let asked = 0
    const signInNext = async () => {
      const n = asked++
      if (n < PEOPLE) found[n] = await signIn(n)
    }
    await crowd(signInNext, () => asked >= PEOPLE)
    signedIn = found
  }
  if (what === 'visits') next = Math.ceil(next / PEOPLE) * PEOPLE
  const began = performance.now()
  let count = 0
  await crowd(
    async () => {
      await (what === 'visits' ? visit : signIn)(next++)
      count += 1
    },
    () => performance.now() - began >= seconds * 1_000,
  )
  return { perSecond: (count / (performance.now() - began)) * 1_000 }
}

process.on('message', async (order: SessionOrder) => {
  const report = await open(order).catch((error: Error) => ({ failed: error.message }))
  process.send?.(report)
})
process.send?.({ ready: true })
