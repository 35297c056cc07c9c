/** A ClientHello of `length` bytes with its record headers, most of it padding; of one record. */
export function paddedHello(length: number): Buffer {
  const hello = Buffer.alloc(length)
  hello.set([22, 3, 1])
  hello.writeUInt16BE(length - 5, 3)
  hello[5] = 1
  hello.writeUIntBE(length - 9, 6, 3)
  hello.set([3, 3], 9)
  // After the random: no session id, one cipher suite, no compression, extensions with padding (RFC 7685) only.
  hello.set([0, 0, 2, 0x13, 1, 1, 0], 43)
  hello.writeUInt16BE(length - 52, 50)
  hello.set([0, 21], 52)
  hello.writeUInt16BE(length - 56, 54)
  return hello
}

/** The message of a ClientHello of one record, in records of `size` bytes. */
export function cutHello(hello: Buffer, size: number): Buffer {
  const records: Buffer[] = []
  for (let at = 5; at < hello.length; at += size) {
    const part = hello.subarray(at, at + size)
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}
