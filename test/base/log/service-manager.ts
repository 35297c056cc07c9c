import { readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A stand-in for systemd's program, which writes the messages into a file. */
export function startServiceManager(dir: string) {
  const file = join(dir, 'notifications')
  writeFileSync(join(dir, 'systemd-notify'), '#!/bin/sh\necho "$1" >> "$NOTIFY_SOCKET"\n', { mode: 0o755 })
  writeFileSync(file, '')
  return {
    /** Environment of a service. */
    env: { NOTIFY_SOCKET: file, PATH: `${dir}${delimiter}${process.env.PATH}` },
    /** What services have reported. */
    states: (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1),
  }
}
