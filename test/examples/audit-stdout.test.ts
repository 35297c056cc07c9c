// together: hubs
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { auditSinks } from '@mezite/core'
import { conformAuditSink, conformPlugin, createTestHost, type SinkUnderTest } from '@mezite/core/testing'
import t from 'tap'
import auditStdout from '../../examples/audit-stdout/hub.ts'

const PRINTER = fileURLToPath(new URL('print-events.ts', import.meta.url))

/** Standard output of this process belongs to the test's report, so another one prints. */
async function open(): Promise<SinkUnderTest> {
  const child = spawn(process.execPath, ['--conditions=mezite-source', PRINTER])
  const closed = once(child, 'close')
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    printed += chunk
  })
  const confirmations = createInterface({ input: child.stderr })[Symbol.asyncIterator]()
  const says = async (what: string) => {
    const { value } = await confirmations.next()
    if (value !== what) throw new Error(`the printer said ${value}`)
  }
  const write = async (...batch: [lines: string, batch: number]) => {
    child.stdin.write(`${JSON.stringify(batch)}\n`)
    await says('written')
  }
  const end = async () => {
    child.stdin.end()
    await closed
  }
  // Its start is no part of a write.
  await says('ready')
  const [sink] = createTestHost(auditStdout).slot(auditSinks)
  return {
    sink: { ...sink!, write },
    async read() {
      await end()
      const lines = printed.split('\n')
      if (lines.pop() !== '') throw new Error('the last line is not ended')
      return lines.map((line) => JSON.parse(line))
    },
    close: end,
  }
}

t.test('it keeps the rules of plugins', async (t) => conformPlugin(t, auditStdout))

t.test('it keeps the rules of audit sinks', async (t) => conformAuditSink(t, open))
