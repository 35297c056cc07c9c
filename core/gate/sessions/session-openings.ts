import { v7 as uuidv7 } from 'uuid'
import type { Transaction } from '../../api/database.ts'
import { problemFor } from '../../api/reasons.ts'
import type { OpenSession } from '../../api/sessions.ts'
import { createBatches, untilServed } from '../../base/limits/batches.ts'
import type { Clock } from '../../kernel/clock.ts'
import { refuseBesideTransaction } from '../../state/database/transaction-guard.ts'
import type { RunningRevisions } from '../../state/revisions/revisions.ts'
import type { Accounts } from '../users/accounts.ts'
import { insertSessions, isToken, type NewSession, newToken, superseded } from './session-insert.ts'
import { handoverBusy, type SessionTicketDeps, spendTickets, type TicketUse } from './session-ticket.ts'

type Wanted = { readonly input: OpenSession } | { readonly use: TicketUse }

/** `used`: the code was used before. `removed`: the account was deleted, or the name belongs to another one. */
type Outcome = NewSession | 'used' | 'refused' | 'removed'

/** An outcome, and the sessions that exceed a limit since then. */
interface Opened {
  readonly outcome: Outcome
  readonly trimmed: Promise<unknown> | null
}

/**
 * Opens sessions. Those that are asked for while others are being written share one transaction, which waits for no
 * change. Both functions reject with `Problem` 401 `login_required` if the account was deleted or the name now belongs to
 * another one, and 503 `handover_busy` after 10 s.
 */
export function createSessionOpenings(options: {
  readonly revisions: Pick<RunningRevisions, 'append'>
  readonly accounts: Pick<Accounts, 'holdersIn'>
  readonly living: SessionTicketDeps['living']
  /** Ends sessions in a change, because newer ones exceed a limit. */
  readonly end: (ids: readonly string[]) => Promise<unknown>
  readonly clock: Clock
}) {
  const { revisions, accounts, living, end, clock } = options

  async function write(trx: Transaction, wanted: readonly Wanted[]) {
    const now = clock.now()
    const ids = wanted.map(() => uuidv7())
    const uses = wanted.flatMap((one, at) => ('use' in one ? [{ ...one.use, opens: ids[at]! }] : []))
    const spent = await spendTickets(trx, uses, living, now)
    const inputs = wanted.map((one, at) => ('input' in one ? one.input : (spent.get(ids[at]!) ?? 'used')))
    const names = inputs.flatMap((input) => (typeof input === 'string' ? [] : [input.user]))
    const holders = await accounts.holdersIn(trx, names)
    const fresh: NewSession[] = []
    const outcomes = inputs.map((input, at): Outcome => {
      if (typeof input === 'string') return input
      const holder = holders.get(input.user)
      if (holder === undefined || (input.holder !== undefined && input.holder !== holder)) return 'removed'
      const made = { id: ids[at]!, token: input.token ?? newToken(), holder, input }
      fresh.push(made)
      return made
    })
    const over = new Map<Outcome, readonly string[]>()
    if (fresh.length > 0) {
      for (const [at, ids] of await superseded(trx, fresh)) over.set(fresh[at]!, ids)
      await insertSessions(trx, fresh, now)
    }
    return { value: { outcomes, over }, noted: fresh.map(({ id }) => ['session', id] as const) }
  }

  const openTogether = createBatches<Wanted, Opened>({
    ...untilServed,
    refuse: handoverBusy,
    async run(wanted) {
      const { outcomes, over } = await revisions.append((trx) => write(trx, wanted))
      const ids = new Set([...over.values()].flat())
      const trimmed = ids.size > 0 ? end([...ids]) : null
      return outcomes.map((outcome) => ({ outcome, trimmed: over.has(outcome) ? trimmed : null }))
    },
  })

  async function opened(wanted: Wanted): Promise<NewSession | 'used' | 'refused'> {
    // A batch runs outside of any change, so it would not notice.
    refuseBesideTransaction()
    const { outcome, trimmed } = await openTogether(wanted)
    await trimmed
    if (outcome === 'removed')
      throw problemFor('login_required', 'The user has just been removed. Sign in again.')
    return outcome
  }

  return {
    /** Throws `TypeError` for a token of another form. */
    async open(input: OpenSession): Promise<{ readonly id: string; readonly token: string }> {
      if (input.token !== undefined && !isToken(input.token))
        throw new TypeError('the token of a session has 43 characters of base64url')
      return (await opened({ input })) as NewSession
    },
    redeem: ((use) => opened({ use })) satisfies SessionTicketDeps['redeem'],
  }
}
