import { MezError } from '../../kernel/error.ts'

/** The server that was reached repeats another one, so that nothing that it says is known to be the newest. */
export function onStandby(): MezError {
  return new MezError(
    'MEZ_DATABASE_UNAVAILABLE',
    'the database cannot be asked: the server is a standby; database.url must lead to the primary',
  )
}
