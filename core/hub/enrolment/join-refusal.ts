/** Why a request to join or renew was refused. `code` is a stable reason code. */
export class JoinRefusal extends Error {
  override readonly name = 'JoinRefusal'
  readonly code: string
  readonly status: number

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}
