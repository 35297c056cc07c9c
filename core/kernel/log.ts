/** A structured log: an optional object of fields first, then the message. Implemented by pino. */
export interface Log {
  debug(fields: object, message: string): void
  debug(message: string): void
  info(fields: object, message: string): void
  info(message: string): void
  warn(fields: object, message: string): void
  warn(message: string): void
  error(fields: object, message: string): void
  error(message: string): void
  child(fields: object): Log
}
