import { accessSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'

/** Linux lists here who owns each socket (proc(5)). A program can reach IPv4 by a socket of IPv6. */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const
const MAPPED = '0000000000000000FFFF0000'

/** The owner of a socket; `open`: a process still has it. */
interface Owner {
  readonly uid: number
  readonly open: boolean
}

/**
 * Who has opened a connection to 127.0.0.1: `own`, a program of this user or of root; `other`, one of another user; `gone`, one
 * that closed its end meanwhile, of which the system does not list the owner. Systems other than Linux list none: there,
 * every local program counts as `own`.
 */
export type OwnerCheck = (socket: Socket) => Promise<'own' | 'other' | 'gone'>

/** Connections that arrive together share one reading of the tables. */
export function createOwnerCheck(): OwnerCheck {
  const uid = process.geteuid?.()
  if (uid === undefined || !canRead(TABLES[0])) return async () => 'own'
  let next: Promise<ReadonlyMap<string, Owner>> | null = null

  function owners(): Promise<ReadonlyMap<string, Owner>> {
    // A table that is being read may lack a connection that is newer.
    next ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        next = null
        readOwners().then(resolve, reject)
      })
    })
    return next
  }

  return async (socket) => {
    const key = keyOf(socket)
    // The tables are read in parts, and change meanwhile: one may miss a line once.
    const owner = (await owners()).get(key) ?? (await owners()).get(key)
    if (owner?.open !== true) return 'gone'
    return owner.uid === uid || owner.uid === 0 ? 'own' : 'other'
  }
}

function canRead(file: string): boolean {
  try {
    accessSync(file)
    return true
  } catch {
    return false
  }
}

/** The owner of each socket, by its address and that of its peer. */
async function readOwners(): Promise<ReadonlyMap<string, Owner>> {
  const texts = await Promise.all(TABLES.map((file) => readFile(file, 'latin1').catch(() => '')))
  const lines = texts.flatMap((text) => text.split('\n').slice(1))
  return new Map(
    lines.flatMap((line): [string, Owner][] => {
      const [, local, peer, , , , , uid, , inode] = line.trim().split(/ +/)
      if (local === undefined || peer === undefined) return []
      const key = `${local} ${peer}`.replaceAll(MAPPED, '')
      return [[key, { uid: Number(uid), open: inode !== '0' }]]
    }),
  )
}

/** How the tables write the client's end of a connection. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${endOf(remoteAddress, remotePort)} ${endOf(localAddress, localPort)}`
}

/** Bytes of the address in the order of the machine, then the port. */
function endOf(address = '', port = 0): string {
  const bytes = address.replace(/^::ffff:/, '').split('.')
  const hex = bytes.reverse().map((byte) => Number(byte).toString(16).padStart(2, '0'))
  return `${hex.join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}
