import type { HubTransport } from '../../api/transport.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'

const LISTEN_MS = 30_000

/** Lets a transport listen. Throws `MEZ_START_FAILED` with its name when it fails or takes longer than the deadline. */
export async function openListener(
  transport: HubTransport,
  deliver: Parameters<NonNullable<HubTransport['listen']>>[0],
  deadlineMs = LISTEN_MS,
): Promise<void> {
  try {
    await withDeadline(async () => transport.listen?.(deliver), deadlineMs)
  } catch (cause) {
    const message = `the transport '${transport.name}' does not listen: ${messageOf(cause)}`
    throw new MezError('MEZ_START_FAILED', message, { cause })
  }
}
