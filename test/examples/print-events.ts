/** The example's sink in a process of its own: says on stderr that it is ready, and confirms there each batch, a line of standard input. */
import { createInterface } from 'node:readline'
import { auditSinks } from '@mezite/core'
import { createTestHost } from '@mezite/core/testing'
import auditStdout from '../../examples/audit-stdout/hub.ts'

const [sink] = createTestHost(auditStdout).slot(auditSinks)

process.stderr.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  const [lines, batch] = JSON.parse(line)
  await sink?.write(lines, batch)
  await sink?.flush()
  process.stderr.write('written\n')
}
