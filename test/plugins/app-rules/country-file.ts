/** Writes small databases in the format of MaxMind (MaxMind DB file format, version 2.0). */
import { BlockList, isIPv6 } from 'node:net'

type Value = string | number | readonly Value[] | { readonly [key: string]: Value }

/** Type and size of a value; the types from 8 on have a byte of their own. */
function control(type: number, size: number): Buffer {
  const [first, more] = type < 8 ? [type << 5, []] : [0, [type - 7]]
  if (size < 29) return Buffer.from([first | size, ...more])
  return Buffer.from([first | 29, ...more, size - 29])
}

function encode(value: Value): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)])
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(6, 4), bytes])
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)])
  const entries = Object.entries(value as Readonly<Record<string, Value>>)
  return Buffer.concat([
    control(7, entries.length),
    ...entries.flatMap(([key, one]) => [encode(key), encode(one)]),
  ])
}

/** The bits of an address; those of IPv4 in a database of IPv6 are its last 32. */
function bitsOf(address: string, version: 4 | 6): number[] {
  const groups = isIPv6(address) ? groupsOf(address) : null
  const bytes =
    groups?.flatMap((group) => [group >> 8, group & 255]) ??
    (version === 6 ? Array<number>(12).fill(0) : []).concat(address.split('.').map(Number))
  return bytes.flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((at) => (byte >> at) & 1))
}

function groupsOf(address: string): number[] {
  const [head = '', tail = ''] = address.split('::')
  const read = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [left, right] = [read(head), read(tail)]
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
}

type Node = [Node | Buffer | null, Node | Buffer | null]

/** A database with these records by network. `version`: of the addresses that it has. */
export function countryFile(
  records: Readonly<Record<string, { readonly [key: string]: Value }>>,
  version: 4 | 6 = 6,
): Buffer {
  const root: Node = [null, null]
  for (const [network, record] of Object.entries(records)) {
    const [address = '', length = ''] = network.split('/')
    // Throws for what is not a network.
    new BlockList().addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4')
    const bits = bitsOf(address, version)
    const depth = Number(length) + (version === 6 && !isIPv6(address) ? 96 : 0)
    let at = root
    bits.slice(0, depth - 1).forEach((bit) => {
      if (!Array.isArray(at[bit as 0])) at[bit as 0] = [null, null]
      at = at[bit as 0] as Node
    })
    at[bits[depth - 1] as 0] = encode(record)
  }
  const nodes: Node[] = []
  const number = (node: Node): void => {
    nodes.push(node)
    for (const child of node) if (Array.isArray(child)) number(child)
  }
  number(root)
  const data: Buffer[] = []
  let offset = 0
  const tree = Buffer.alloc(nodes.length * 6)
  nodes.forEach((node, at) => {
    node.forEach((child, side) => {
      let value = nodes.length
      if (Array.isArray(child)) value = nodes.indexOf(child)
      else if (child !== null) {
        value = nodes.length + 16 + offset
        data.push(child)
        offset += child.length
      }
      tree.writeUIntBE(value, at * 6 + side * 3, 3)
    })
  })
  const metadata = encode({
    node_count: nodes.length,
    record_size: 24,
    ip_version: version,
    database_type: 'Test-Country',
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    description: { en: 'made by a test' },
  })
  const marker = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex')
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata])
}
