import type { Migrations } from '@mezite/core'
import { sql } from 'kysely'

/** A row of `app_proposals`. */
export interface ProposalRow {
  readonly id: string
  readonly agent: string
  readonly name: string
  /** The proposed app as JSON. */
  readonly app: string
  readonly state: 'pending' | 'refused'
  /** Why it could not be accepted by its rule; null: nobody has tried, or it could. */
  readonly problem: string | null
  /** Milliseconds since the epoch. */
  readonly proposed: number
}

/** A row of `app_proposals_sources`. */
export interface SourceRow {
  readonly name: string
  readonly document: string
  readonly updated: number
}

export type ProposalTables = { readonly app_proposals: ProposalRow }

export const proposalMigrations: Migrations = {
  owner: 'app-proposals',
  migrations: {
    '0001-proposals': {
      async up(db) {
        await sql`CREATE TABLE app_proposals (
          id text PRIMARY KEY,
          agent text NOT NULL,
          name text NOT NULL,
          app text NOT NULL,
          state text NOT NULL,
          problem text,
          proposed double precision NOT NULL,
          UNIQUE (agent, name)
        )`.execute(db)
        await sql`CREATE TABLE app_proposals_sources (
          name text PRIMARY KEY,
          document text NOT NULL,
          updated double precision NOT NULL
        )`.execute(db)
      },
    },
  },
}
