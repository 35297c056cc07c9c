import { connect } from 'node:net'
import { adminClient } from '@mezite/core/testing'

const CERTIFICATES_MS = 90_000

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Resolves when a hub is ready. */
export async function isReady(port: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
      .then((r) => r.ok)
      .catch(() => false)
    if (ready) return
    await pause(50)
  }
}

/** Resolves when an agent is connected to the hub. */
export async function isConnected(adminSocket: string, signal: AbortSignal): Promise<void> {
  const api = adminClient(adminSocket)
  while (!signal.aborted) {
    const agents = await api<{ connected: boolean }[]>('GET', '/agents')
    if (agents.some((agent) => agent.connected)) return
    await pause(100)
  }
}

/** Resolves when the hub has a certificate for each host; rejects with its errors after a while. */
export async function haveCertificates(
  adminSocket: string,
  hosts: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const api = adminClient(adminSocket)
  const until = performance.now() + CERTIFICATES_MS
  for (;;) {
    const all = await api<{ names: string[]; state: string; last_error: string | null }[]>(
      'GET',
      '/certificates',
    )
    const named = all.filter(({ state }) => state === 'valid').flatMap(({ names }) => names)
    if (hosts.every((host) => named.includes(host))) return
    signal?.throwIfAborted()
    if (performance.now() > until) {
      const errors = all.flatMap(({ last_error }) => last_error ?? [])
      throw new Error(`the certificates did not come: ${errors.join('; ') || 'no error'}`)
    }
    await pause(100)
  }
}

/** True when something listens on the port of 127.0.0.1. */
export function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => socket.destroy())
    socket.setTimeout(1000, () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })
}
