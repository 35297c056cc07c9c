import t from 'tap'
import { createLog, type LogOptions } from '../../core/kernel/create-log.ts'

function logOf(options: LogOptions = {}) {
  const lines: string[] = []
  return { lines, log: createLog({ ...options, write: (line) => lines.push(line) }) }
}

t.test('json: one object a line, with the level by name and the cause of an error', (t) => {
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

t.test('text: a line stays a line, whatever is logged', (t) => {
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

t.test(
  'K146 what a terminal obeys or nobody sees is spelled out, in JSON so that it reads back the same',
  (t) => {
    const hostile = 'a\u009b2J\u202eb\u200bc\r\nd\u001b]0;x\u0007\u007f'
    for (const format of ['json', 'text'] as const) {
      const { log, lines } = logOf({ format })
      log.info({ request_id: hostile, app: 'x' }, `m ${hostile}`)
      t.equal(lines.length, 1)
      t.match(lines[0], /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u202e\n]*\n$/, format)
      if (format === 'json') t.match(JSON.parse(lines[0]!), { request_id: hostile, msg: `m ${hostile}` })
    }
    t.end()
  },
)

t.test('secrets are not logged, also when somebody tries', (t) => {
  const { log, lines } = logOf()
  const headers = { cookie: 'SECRET', authorization: 'SECRET', 'set-cookie': 'SECRET', accept: 'x' }
  log.info({ token: 'SECRET', request: { headers, password: 'SECRET' }, headers }, 'm')
  t.notMatch(lines.join(''), /SECRET/)
  t.match(JSON.parse(lines[0]!), { headers: { accept: 'x' } })
  t.end()
})
