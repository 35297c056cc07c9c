import type { KyselyConfig } from 'kysely'

/** Called after every query, except those of migrations, with its duration and whether it failed. */
export type QueryObserver = (ms: number, failed: boolean) => void

/** The part of the configuration of kysely that reports to an observer. */
export function loggingTo(onQuery: QueryObserver | undefined): Pick<KyselyConfig, 'log'> {
  if (!onQuery) return {}
  return { log: ({ level, queryDurationMillis }) => onQuery(queryDurationMillis, level === 'error') }
}
