// needs: sshd
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../core/testing/index.ts'
import type { Children } from '../children.ts'
import { findProgram } from '../programs-needed.ts'
import { untilListening } from '../until-listening.ts'

/** An sshd of the bench's own: its keys, its configuration, loopback only. */
export interface PrivateSshd {
  readonly pid: number
  readonly port: number
  /** Files: its public host key, and the private key that it lets in. */
  readonly hostKey: string
  readonly clientKey: string
  /** `ssh -R`: connections to the port that is returned come out at `port`. With the client's process. */
  reverse(port: number): Promise<Forward>
  /** `ssh -L`: likewise, with the listener on the client's side. */
  local(port: number): Promise<Forward>
}

export interface Forward {
  readonly port: number
  readonly pid: number
}

/** Starts it. Reaches nothing of the machine's own ssh, and needs no account but the one that runs the bench. */
export async function startSshd(children: Children, parent: string): Promise<PrivateSshd> {
  const dir = join(parent, 'sshd')
  mkdirSync(dir, { mode: 0o700 })
  const makeKey = (name: string) =>
    execFileSync(findProgram('ssh-keygen') ?? 'ssh-keygen', [
      ...['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)],
    ])
  makeKey('host')
  makeKey('client')
  // Where sshd puts what it has to have when it runs as root.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  const lines = [
    ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${dir}/host`, `PidFile ${dir}/pid`],
    ...[`AuthorizedKeysFile ${dir}/client.pub`, 'StrictModes no', 'UsePAM no', 'PasswordAuthentication no'],
    ...['PermitRootLogin yes', 'KbdInteractiveAuthentication no', 'LogLevel ERROR', 'MaxSessions 100', ''],
  ]
  writeFileSync(join(dir, 'config'), lines.join('\n'))
  const sshd = children.spawn(findProgram('sshd') ?? 'sshd', ['-D', '-e', '-f', join(dir, 'config')])
  await untilListening(port)

  const forward = async (flag: '-R' | '-L', to: number): Promise<Forward> => {
    const at = await freePort()
    const ssh = children.spawn(findProgram('ssh') ?? 'ssh', [
      ...['-N', '-F', 'none', '-p', String(port), '-i', join(dir, 'client'), '-o', 'IdentitiesOnly=yes'],
      ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
      ...['-o', 'ExitOnForwardFailure=yes', flag, `127.0.0.1:${at}:127.0.0.1:${to}`],
      `${userInfo().username}@127.0.0.1`,
    ])
    await untilListening(at)
    return { port: at, pid: ssh.pid ?? 0 }
  }
  return {
    pid: sshd.pid ?? 0,
    port,
    hostKey: join(dir, 'host.pub'),
    clientKey: join(dir, 'client'),
    reverse: (to) => forward('-R', to),
    local: (to) => forward('-L', to),
  }
}
