import { execFile } from 'node:child_process'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

const DEADLINE_MS = 5_000

/**
 * Reports the state of this program to systemd, if it started the program with `Type=notify` (sd_notify(3)). The unit
 * needs `NotifyAccess=all`: Node.js has no datagram sockets of the Unix domain, so systemd's own program sends the
 * message. A failure is logged.
 */
export function reportServiceState(
  state: 'READY=1' | 'STOPPING=1',
  log: Log,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  if (!env.NOTIFY_SOCKET) return Promise.resolve()
  return new Promise((resolve) => {
    execFile('systemd-notify', [state], { env, timeout: DEADLINE_MS }, (error) => {
      if (error) log.warn({ state, error: messageOf(error) }, 'cannot report the state to systemd')
      resolve()
    })
  })
}
