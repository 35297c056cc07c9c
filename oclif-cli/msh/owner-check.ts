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

/** How often the tables are read for one connection: they are read in parts and change meanwhile, so one may miss a line. */
const ATTEMPTS = 3

/** Connections that arrive while the tables are read wait for the next reading, which they share. */
export function createOwnerCheck(): OwnerCheck {
  const uid = process.geteuid?.()
  if (uid === undefined || !canRead(TABLES[0])) return async () => 'own'
  let current: Promise<unknown> = Promise.resolve()
  let next: Promise<string> | null = null

  function tables(): Promise<string> {
    // The read under way may lack a newer connection.
    next ??= current.then(() => {
      next = null
      const reading = readTables()
      current = reading
      return reading
    })
    return next
  }

  return async (socket) => {
    const key = keyOf(socket)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const owner = ownerOf(key, await tables())
      if (owner?.open === true) return owner.uid === uid || owner.uid === 0 ? 'own' : 'other'
      if (owner !== null || socket.destroyed) break
    }
    return 'gone'
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

async function readTables(): Promise<string> {
  const texts = await Promise.all(TABLES.map((file) => readFile(file, 'latin1').catch(() => '')))
  return texts.join('').replaceAll(MAPPED, '')
}

/** The owner of the socket with these ends; null if it is not listed. */
function ownerOf(key: string, tables: string): Owner | null {
  const at = tables.indexOf(` ${key} `)
  if (at === -1) return null
  const [, , , , , , , uid, , inode] = tables.slice(at, at + 160).split(/ +/)
  return { uid: Number(uid), open: inode !== '0' }
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
