// together: quick
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createLog, type LogOptions } from '../../../core/base/log/program-log.ts'

function logOf(options: LogOptions = {}) {
  const lines: string[] = []
  return { lines, log: createLog({ ...options, write: (line) => lines.push(line) }) }
}

t.test('JSON logs have one object per line, with the level by name and the cause of an error', (t) => {
  const { log, lines } = logOf()
  const error = new Error('outer', { cause: new Error('inner') })
  log.child({ plugin: 'rbac' }).warn({ error }, 'message')
  log.debug('below the level')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0]!), {
    level: 'warn',
    time: /^\d{4}-.*Z$/,
    plugin: 'rbac',
    msg: 'message',
    error: { message: /outer.*inner/ },
  })
  t.end()
})

t.test('a text entry stays one line, whatever is logged', (t) => {
  const { log, lines } = logOf({ format: 'text', level: 'debug' })
  log
    .child({ plugin: 'rbac' })
    .info({ app: 'grafana', path: 'a\nb' }, 'it said "x"\n2026 ERROR forged \u001b[2J')
  log.debug({ error: new Error('boom') }, 'm')
  t.match(lines, [
    /^\S+Z INFO {2}\[rbac\] it said "x"\\n2026.*app=grafana path="a\\nb"\n$/,
    /DEBUG m error="boom"\n$/,
  ])
  t.notMatch(lines.join(''), /\u001b/)
  t.end()
})

t.test('K146 control and invisible characters are escaped, in JSON so that the value is preserved', (t) => {
  const hostile = 'a\u009b2J\u202eb\u200bc\r\nd\u001b]0;x\u0007\u007f'
  for (const format of ['json', 'text'] as const) {
    const { log, lines } = logOf({ format })
    log.info({ request_id: hostile, app: 'x' }, `m ${hostile}`)
    t.equal(lines.length, 1)
    t.match(lines[0], /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u202e\n]*\n$/, format)
    if (format === 'json') t.match(JSON.parse(lines[0]!), { request_id: hostile, msg: `m ${hostile}` })
  }
  t.end()
})

t.test('secrets are not logged, even if a plugin tries', (t) => {
  const { log, lines } = logOf()
  const headers = { cookie: 'SECRET', authorization: 'SECRET', 'set-cookie': 'SECRET', accept: 'x' }
  log.info({ token: 'SECRET', request: { headers, password: 'SECRET' }, headers }, 'm')
  t.notMatch(lines.join(''), /SECRET/)
  t.match(JSON.parse(lines[0]!), { headers: { accept: 'x' } })
  t.end()
})

const logger = (stderr: number | 'pipe') =>
  spawn(
    process.execPath,
    ['--conditions=mezite-source', fileURLToPath(new URL('log-lines.ts', import.meta.url))],
    {
      stdio: ['pipe', 'pipe', stderr],
      timeout: 120_000,
    },
  )

t.test('fault 28 a log on a full disk loses lines, and nothing else is affected', async (t) => {
  const child = logger(openSync('/dev/full', 'w'))
  const [memory] = await once(child.stdout!, 'data')
  t.ok(Number(memory) < 400, `${memory} MB`)
  child.stdin!.end('stop')
  t.strictSame(await once(child, 'exit'), [0, null])
})

t.test('a reader that falls behind loses lines, and gets their number', async (t) => {
  const child = logger('pipe')
  await once(child.stdout!, 'data')
  let [lines, missed] = [0, 0]
  for await (const line of createInterface({ input: child.stderr! })) {
    const { msg, lost = 0 } = JSON.parse(line) as { msg: string; lost?: number }
    if (msg === 'line') lines += 1
    // On a busy machine the reader may fall behind several times.
    if (msg === 'log lines were lost') missed += lost
    if (lines + missed >= 10_000 && !child.stdin!.writableEnded) child.stdin!.end('stop')
  }
  t.ok(lines > 0 && lines < 10_000 && lines + missed >= 10_000, `${lines} lines, ${missed} lost`)
})
