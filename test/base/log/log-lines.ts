/** Logs 10,000 lines of 1 KB, a hundred at a time, says so on standard output, and logs one more each 10 ms until told to stop. */
import { createLog } from '../../../core/base/log/program-log.ts'

const log = createLog()
const pad = 'x'.repeat(1_000)
for (let n = 0; n < 100; n++) {
  for (let line = 0; line < 100; line++) log.info({ pad }, 'line')
  await new Promise((resolve) => setImmediate(resolve))
}
process.stdout.write(`${Math.round(process.memoryUsage().rss / 1e6)}\n`)
const timer = setInterval(() => log.info('later'), 10)
process.stdin.once('data', () => {
  clearInterval(timer)
  process.stdin.destroy()
})
