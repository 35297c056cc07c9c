import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { PrivateSshd } from '../bench/targets/private-sshd.ts'

export interface Ran {
  readonly code: number | null
  readonly out: Buffer
}

/** Runs commands with ssh, through a local port, with input; it knows the host by its own key and asks nothing. */
export function sshThrough(sshd: PrivateSshd, port: number, dir: string) {
  const hosts = join(dir, 'known-hosts')
  writeFileSync(hosts, `[127.0.0.1]:${port} ${readFileSync(sshd.hostKey, 'utf8')}`)
  const args = [
    ...[
      '-F',
      'none',
      '-p',
      String(port),
      '-i',
      sshd.clientKey,
      '-o',
      'IdentitiesOnly=yes',
      '-o',
      'BatchMode=yes',
    ],
    ...['-o', `UserKnownHostsFile=${hosts}`, '-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=20'],
    `${userInfo().username}@127.0.0.1`,
  ]
  return async (command: string, input: string | Buffer): Promise<Ran> => {
    const ssh = spawn('ssh', [...args, command], { stdio: ['pipe', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    ssh.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    ssh.stdin.on('error', () => {})
    ssh.stdin.end(input)
    const [code] = (await once(ssh, 'close')) as [number | null]
    return { code, out: Buffer.concat(chunks) }
  }
}
