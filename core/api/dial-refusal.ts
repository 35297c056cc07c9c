/**
 * Why an application cannot be reached. A tap of `dial.open` throws it: the hub receives `reason`, a code in snake_case,
 * and records it; operators read `message` in the logs of hub and agent. Throws TypeError for a reason that is not one.
 */
export class DialRefusal extends Error {
  override readonly name = 'DialRefusal'
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(reason))
      throw new TypeError(`the reason ${JSON.stringify(reason)} is not in snake_case`)
    this.reason = reason
  }
}
