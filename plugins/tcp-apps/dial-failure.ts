import { type Refused, refused } from './admission.ts'

/** What a client is told when no agent could make the connection: 504 when it took too long, 503 when all are busy, else 502. */
export function dialFailure(error: unknown): Refused {
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
  const known = typeof reason === 'string' && /^[a-z0-9_]{1,64}$/.test(reason) ? reason : 'app_unreachable'
  return refused(code === 'MEZ_DIAL_TIMEOUT' ? 504 : known === 'agent_limit' ? 503 : 502, known)
}
