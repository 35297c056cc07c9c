import { MezError } from '../../kernel/error.ts'

/** The error for a connection to a standby, whose data may be out of date. */
export function onStandby(): MezError {
  return new MezError(
    'MEZ_DATABASE_UNAVAILABLE',
    'the database is unavailable: the server is a standby; `database.url` must lead to the primary',
  )
}
