import { MezError, messageOf } from '../../kernel/error.ts'
import type { HubTransport } from './transport.ts'

const LISTEN_MS = 30_000

/** Lets a transport listen. Throws `MEZ_START_FAILED` with its name when it fails or takes longer than the deadline. */
export async function openListener(
  transport: HubTransport,
  deliver: Parameters<NonNullable<HubTransport['listen']>>[0],
  deadlineMs = LISTEN_MS,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${deadlineMs} ms`)), deadlineMs)
  })
  try {
    await Promise.race([transport.listen?.(deliver), late])
  } catch (cause) {
    const message = `the transport '${transport.name}' does not listen: ${messageOf(cause)}`
    throw new MezError('MEZ_START_FAILED', message, { cause })
  } finally {
    clearTimeout(timer)
  }
}
