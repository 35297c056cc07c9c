/** A response of 429 or 503 that says when to try again, as notifiers report it. */
class ReceiverBusy extends Error {
  readonly retryAfterMs: number

  constructor(status: number, retryAfterMs: number) {
    super(`the receiver responded with status ${status}`)
    this.retryAfterMs = retryAfterMs
  }
}

/** Posts to the receiver of a notification. Rejects unless it accepts; nothing of its response is read or kept. */
export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      signal,
      redirect: 'error',
      headers: { 'content-type': 'application/json', ...headers },
    })
  } catch (error) {
    // The address may contain a secret, and the cause says what happened.
    const { cause } = Object(error) as { cause?: unknown }
    throw new Error(`the receiver cannot be reached: ${codeOf(cause ?? error)}`)
  }
  const { status, headers: sent } = response
  await response.body?.cancel()
  if (response.ok) return
  const seconds = Number(sent.get('retry-after') ?? Number.NaN)
  if ((status === 429 || status === 503) && seconds >= 0) throw new ReceiverBusy(status, seconds * 1_000)
  throw new Error(`the receiver responded with status ${status}`)
}

const codeOf = (error: unknown): string => {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown }
  return String(code ?? message ?? error)
}
