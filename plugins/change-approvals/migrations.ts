import type { Database, Migrations } from '@mezite/core'

/** A change that waits or waited. Times in milliseconds since the epoch. */
export interface ChangeRow {
  readonly id: string
  /**
   * `pending`, then `started`, then `made` with the transaction that makes the change, then how it ended; `forced` for a change of the operator, which never waits.
   */
  readonly state: string
  readonly right: string
  readonly method: string
  readonly url: string
  /** Path of the thing, and what the path calls it; null: the call names none. */
  readonly thing_path: string | null
  readonly thing_key: string | null
  /** JSON of its labels; null: it has none by which rights count. */
  readonly labels: string | null
  /** What the thing was when the change was asked for. */
  readonly print: string
  readonly user_name: string
  readonly user_key: string
  /** `User.holder` of the name at that time. */
  readonly holder: string | null
  readonly session_id: string | null
  readonly client_ip: string
  /** Encrypted JSON of `Kept`; null once the change is over. */
  readonly sealed: string | null
  /** Encrypted JSON of the response, until the person who asked has read it. */
  readonly answer: string | null
  readonly created: number
  readonly expires: number
  readonly decided: number | null
  readonly decided_by: string | null
  /** Why it was denied or forced. */
  readonly reason: string | null
  /** The code of the problem with which it failed. */
  readonly problem: string | null
}

export type ChangeTables = { change_approvals: ChangeRow }

export const changeMigrations: Migrations = {
  owner: 'change-approvals',
  migrations: {
    '0001-changes': {
      async up(db: Database) {
        let table = db.schema.createTable('change_approvals').addColumn('id', 'text', (id) => id.primaryKey())
        const texts = ['state', 'right', 'method', 'url', 'print', 'user_name', 'user_key', 'client_ip']
        for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull())
        const nullable = ['thing_path', 'thing_key', 'labels', 'holder', 'session_id', 'sealed', 'answer']
        for (const name of [...nullable, 'decided_by', 'reason', 'problem'])
          table = table.addColumn(name, 'text')
        for (const name of ['created', 'expires'])
          table = table.addColumn(name, 'double precision', (column) => column.notNull())
        await table.addColumn('decided', 'double precision').execute()
      },
    },
  },
}
