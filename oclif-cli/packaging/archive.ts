/** Archives that are equal byte for byte whenever and wherever they are made: fixed order, times, owners and modes. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** A member of an archive, by its path in it, without a slash at its start or end. */
export type Member = { readonly path: string; readonly mode?: number; readonly owner?: number } & (
  | { readonly content: Buffer | string }
  | { readonly link: string }
  | { readonly folder: true }
)

const BLOCK = 512
const ZEROS = Buffer.alloc(BLOCK)

/** A tar archive (POSIX.1-2001) of these members and of the folders above them. `seconds` is the time of each, since 1970. */
export function tarOf(members: readonly Member[], seconds: number): Buffer {
  const all = new Map<string, Member>()
  for (const member of members) {
    const parts = member.path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      if (!all.has(path)) all.set(path, { path, folder: true })
    }
    all.set(member.path, member)
  }
  const chunks: Buffer[] = []
  const add = (header: Buffer, content: Buffer) =>
    chunks.push(header, content, ZEROS.subarray(0, (BLOCK - (content.length % BLOCK)) % BLOCK))
  for (const [, member] of [...all].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const isFolder = 'folder' in member
    const link = 'link' in member ? member.link : ''
    const content = 'content' in member ? Buffer.from(member.content) : Buffer.alloc(0)
    const type = isFolder ? '5' : 'link' in member ? '2' : '0'
    const path = isFolder ? `${member.path}/` : member.path
    const records = [
      ...(Buffer.byteLength(path) > 100 ? [['path', path]] : []),
      ...(Buffer.byteLength(link) > 100 ? [['linkpath', link]] : []),
    ].map(([key, value]) => paxRecord(key!, value!))
    const extended = Buffer.from(records.join(''))
    const mode = member.mode ?? (isFolder ? 0o755 : type === '2' ? 0o777 : 0o644)
    const facts = { mode, owner: member.owner ?? 0, seconds }
    if (records.length > 0)
      add(headerOf({ ...facts, path: 'long-name', link: '', size: extended.length, type: 'x' }), extended)
    add(headerOf({ ...facts, path, link, size: content.length, type }), content)
  }
  return Buffer.concat([...chunks, ZEROS, ZEROS])
}

interface Header {
  readonly path: string
  readonly link: string
  readonly mode: number
  readonly owner: number
  readonly size: number
  readonly seconds: number
  readonly type: string
}

function headerOf({ path, link, mode, owner, size, seconds, type }: Header): Buffer {
  const header = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  header.write(path.slice(0, 100), 0, 100, 'utf8')
  octal(mode, 100, 8)
  octal(owner, 108, 8)
  octal(owner, 116, 8)
  octal(size, 124, 12)
  octal(seconds, 136, 12)
  header.fill(' ', 148, 156)
  header.write(type, 156, 'latin1')
  header.write(link.slice(0, 100), 157, 100, 'utf8')
  header.write('ustar\x0000', 257, 'latin1')
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  return header
}

/** A record of an extended header states its own length, with the digits of that length. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = Buffer.byteLength(rest)
  while (length !== Buffer.byteLength(rest) + String(length).length)
    length = Buffer.byteLength(rest) + String(length).length
  return `${length}${rest}`
}

/** Compresses; `level` is 0 to 9. */
export const gzipped = (bytes: Buffer, level = 9): Buffer => gzipSync(bytes, { level })

/** The files and links below a folder, for an archive in which they are below `target`. A file has mode 0755 or 0644. */
export function membersOf(folder: string, target = ''): readonly Member[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name): readonly Member[] => {
      const [source, path] = [join(folder, name), join(target, name)]
      const found = lstatSync(source)
      if (found.isDirectory()) return membersOf(source, path)
      if (found.isSymbolicLink()) return [{ path, link: readlinkSync(source) }]
      return [{ path, content: readFileSync(source), mode: found.mode & 0o111 ? 0o755 : 0o644 }]
    })
}
