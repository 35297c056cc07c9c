/** The example's sink in a process of its own: a line of standard input is a batch, each is confirmed on stderr. */
import { createInterface } from 'node:readline'
import { auditSinks } from '@mezite/core'
import { createTestHost } from '@mezite/core/testing'
import auditStdout from '../../examples/audit-stdout/hub.ts'

const [sink] = createTestHost(auditStdout).slot(auditSinks)

for await (const line of createInterface({ input: process.stdin })) {
  const [lines, batch] = JSON.parse(line)
  await sink?.write(lines, batch)
  await sink?.flush()
  process.stderr.write('written\n')
}
