// together: quick
import t from 'tap'
import { createLineReader, encodeLine } from '../../core/wire/line-reader.ts'

function reader(maxBytes = 64) {
  const messages: unknown[] = []
  const broken: string[] = []
  const read = createLineReader({
    maxBytes,
    onMessage: (message) => messages.push(message),
    onBroken: (reason) => broken.push(reason),
  })
  return { messages, broken, read }
}

t.test('messages arrive whole, however the bytes are cut', async (t) => {
  const bytes = Buffer.concat([encodeLine({ a: 'é' }), encodeLine({ b: 2 })])
  for (let size = 1; size <= bytes.length; size++) {
    const { messages, broken, read } = reader()
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size))
    t.same(messages, [{ a: 'é' }, { b: 2 }])
    t.same(broken, [])
  }
})

t.test('J131 a fault is reported once, and nothing is read after it', async (t) => {
  for (const line of ['x\n', '[]\n', 'null\n', '1\n', '\n', 'x'.repeat(65)]) {
    const { messages, broken, read } = reader()
    read(Buffer.from(line))
    read(encodeLine({ late: 1 }))
    read(Buffer.from('y\n'))
    t.same(messages, [])
    t.equal(broken.length, 1, line)
  }
})
