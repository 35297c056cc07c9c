import type { Bots } from '../../api/credentials.ts'
import type { Transaction } from '../../api/database.ts'
import type { Profile, Users } from '../../api/users.ts'
import { holdersIn } from './stored-identity.ts'

/** Names of the accounts of programs begin with this; no user can have such a name. */
const BOT = 'bot:'

/** One account, of a person or of a program. */
export interface Account {
  readonly name: string
  readonly bot: boolean
  /** See `Bot.api`; absent for a person. */
  readonly api?: boolean
  /** See `Session.holder`. */
  readonly holder: string | null
  readonly roles: readonly string[]
  /** See `User.connector`; null for a program. */
  readonly connector: string | null
  /** See `User.profile`. */
  readonly profile?: Profile
  /** The person for whom a program acts. */
  readonly actsFor?: Account
}

/** Whoever can have a session: users, and the accounts of programs that entries of `credentials` keep. */
export interface Accounts {
  byName(name: string): Account | undefined
  rolesOf(name: string): readonly string[]
  names(): Iterable<string>
  /** The holder of each name, as the transaction sees it; a name that no account has is missing. */
  holdersIn(trx: Transaction, names: Iterable<string>): Promise<ReadonlyMap<string, string | null>>
}

interface AccountsNeeds {
  readonly users: Pick<Users, 'byName' | 'list' | 'rolesOf'>
  readonly callers: { bots(): readonly Bots[] }
}

/** Finds an account by its name. A failing entry throws, which denies. */
export function createAccounts({ users, callers }: AccountsNeeds): Accounts {
  function byName(name: string): Account | undefined {
    if (!name.startsWith(BOT)) {
      const user = users.byName(name)
      if (!user) return undefined
      const { holder, connector, profile } = user
      const roles = users.rolesOf(name)
      return { name: user.name, bot: false, holder, roles, connector, ...(profile && { profile }) }
    }
    for (const entry of callers.bots()) {
      const found = entry.find(name)
      if (!found) continue
      const bot = { name, bot: true, holder: found.holder, roles: [...new Set(found.roles)].sort() }
      if (found.actsFor === undefined) return { ...bot, api: found.api === true, connector: null }
      const { user, holder } = found.actsFor
      // Never another agent; and whoever has the name now may be somebody else.
      const person = user.startsWith(BOT) ? undefined : byName(user)
      return person?.holder === holder ? { ...bot, connector: null, actsFor: person } : undefined
    }
    return undefined
  }

  return {
    byName,
    rolesOf: (name) => byName(name)?.roles ?? [],
    *names() {
      for (const { name } of users.list()) yield name
      for (const entry of callers.bots()) yield* entry.names()
    },
    async holdersIn(trx, names) {
      const all = [...new Set(names)]
      const people = all.filter((name) => !name.startsWith(BOT))
      const found = new Map(people.length > 0 ? await holdersIn(trx, people) : [])
      for (const name of all.filter((name) => name.startsWith(BOT)))
        for (const entry of callers.bots()) {
          const bot = await entry.findIn(trx, name)
          if (!bot) continue
          const { actsFor } = bot
          const people = await holdersIn(trx, actsFor === undefined ? [] : [actsFor.user])
          if (actsFor === undefined || people.get(actsFor.user) === actsFor.holder)
            found.set(name, bot.holder)
          break
        }
      return found
    },
  }
}
