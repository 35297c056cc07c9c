// together: quick
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createLog } from '../../core/base/log/program-log.ts'
import { first, parallel, series, tells, votes, waterfall } from '../../core/kernel/hook.ts'
import { createHooks } from '../../core/kernel/hooks.ts'

const DEADLINE_MS = 40

const tree = {
  room: {
    series: series<string>({ deadlineMs: DEADLINE_MS }),
    back: series<string>({ reverse: true }),
    parallel: parallel<string>({ deadlineMs: DEADLINE_MS }),
    first: first<string, number>({ deadlineMs: DEADLINE_MS }),
    waterfall: waterfall<string, number>(),
    tells: tells<string>(),
    votes: votes<string, { said: string }>({ deadlineMs: DEADLINE_MS }),
  },
}

function setup() {
  const lines: string[] = []
  const hooks = createHooks(tree, { log: createLog({ write: (line) => lines.push(line) }) })
  const a = hooks.view('a').room
  const b = hooks.view('b').room
  return { hooks, call: hooks.calls.room, a, b, lines }
}

const ballot = (plugin: string) => ({ said: plugin })
const never = () => new Promise<never>(() => {})

t.test('series runs one tap after another and ends at the first error', async (t) => {
  const { call, a, b } = setup()
  const seen: string[] = []
  a.series(async (input) => {
    await delay(5)
    seen.push(`a ${input}`)
  })
  b.series(() => {
    seen.push('b')
    throw new TypeError('no')
  })
  b.series(() => void seen.push('c'))
  await t.rejects(call.series('x'), {
    code: 'MEZ_HOOK_FAILED',
    message: "plugin 'b' failed in room.series: no",
    cause: TypeError,
  })
  t.strictSame(seen, ['a x', 'b'])
})

t.test('a late tap is reported', async (t) => {
  const { call, b } = setup()
  b.series(never)
  await t.rejects(call.series('x'), {
    code: 'MEZ_HOOK_TIMEOUT',
    message: `plugin 'b' did not respond to room.series within ${DEADLINE_MS} ms`,
  })
})

t.test('stages take precedence over the order of tapping, and reverse turns all of it round', async (t) => {
  const { hooks, call, a, b } = setup()
  const seen: string[] = []
  const note = (text: string) => () => void seen.push(text)
  for (const hook of ['series', 'back'] as const) {
    a[hook](note('late'), { stage: 'late' })
    a[hook](note('first normal'))
    b[hook](note('second normal'), { stage: 'normal' })
    b[hook](note('early'), { stage: 'early' })
  }
  await call.series('x')
  t.strictSame(seen.splice(0), ['early', 'first normal', 'second normal', 'late'])
  await call.back('x')
  t.strictSame(seen, ['late', 'second normal', 'first normal', 'early'])
  t.strictSame(hooks.taps('room.back'), ['a', 'b', 'a', 'b'])
})

t.test('parallel lets all taps finish before it fails, and names every culprit', async (t) => {
  const { call, a, b } = setup()
  let finished = false
  a.parallel(() => {
    throw new Error('one')
  })
  b.parallel(async () => {
    await delay(10)
    finished = true
  })
  await t.rejects(call.parallel('x'), { code: 'MEZ_HOOK_FAILED', message: /'a'/ })
  t.ok(finished)
  b.parallel(async () => Promise.reject(new Error('two')))
  await t.rejects(call.parallel('x'), { errors: [{ message: /'a'.*one/ }, { message: /'b'.*two/ }] })
})

t.test('first skips null and undefined, returns any other value, and does not call later taps', async (t) => {
  const { call, a, b } = setup()
  t.equal(await call.first('x'), null)
  a.first(() => null)
  a.first(async () => undefined)
  t.equal(await call.first('x'), null)
  b.first(async () => 0)
  b.first(() => t.fail('asked after an answer') as unknown as null)
  t.equal(await call.first('x'), 0)
})

t.test('waterfall passes on the value, keeps it after null, and rejects a promise', (t) => {
  const { call, a, b } = setup()
  a.waterfall((value, context) => `${value}${context}`)
  a.waterfall(() => undefined)
  a.waterfall((() => null) as never)
  b.waterfall((value) => `${value}!`)
  t.equal(call.waterfall('v', 1), 'v1!')
  b.waterfall((async () => Promise.reject(new Error('lost'))) as never)
  t.throws(() => call.waterfall('v', 1), {
    code: 'MEZ_HOOK_FAILED',
    message: /'b'.*room\.waterfall.*synchronously/,
  })
  t.end()
})

t.test('the owner of a waterfall checks each result, and distinguishes taps by their contexts', (t) => {
  const { call, a, b } = setup()
  a.waterfall((value, context) => `${value} a${context}`)
  b.waterfall((value, context) => `${value} b${context}`)
  const accept = (answer: string) => {
    if (answer.includes('bad')) throw new TypeError('it is bad')
    return answer.toUpperCase()
  }
  const contextFor = (plugin: string) => (plugin === 'a' ? 1 : 2)
  t.equal(call.waterfall('v', 0, { accept, contextFor }), 'V A1 B2')
  t.equal(call.waterfall('v', 0), 'v a0 b0')
  a.waterfall(() => 'bad')
  b.waterfall(() => 'good')
  t.throws(() => call.waterfall('v', 0, { accept }), {
    code: 'MEZ_HOOK_FAILED',
    message: "plugin 'a' failed in room.waterfall: it is bad",
  })
  t.end()
})

t.test('notify calls every tap, and logs all errors with plugin and hook', async (t) => {
  const { call, a, b, lines } = setup()
  let told = false
  a.tells(() => {
    throw new Error('sync')
  })
  a.tells((async () => Promise.reject(new Error('async'))) as never)
  b.tells(() => {
    told = true
  })
  call.tells('x')
  await delay(0)
  t.ok(told)
  const logged = lines.map((line) => JSON.parse(line))
  t.match(logged, [
    { plugin: 'a', hook: 'room.tells', error: { message: /sync/ } },
    { plugin: 'a', hook: 'room.tells', error: { message: /async/ } },
  ])
})

t.test('votes returns synchronously while all taps do', (t) => {
  const { call, a, b } = setup()
  a.votes((_query, vote) => {
    vote.said += ' yes'
  })
  b.votes(() => {})
  const result = call.votes('q', ballot)
  t.notOk(result instanceof Promise)
  t.match(result, { cast: [{ said: 'a yes' }, { said: 'b' }], failed: { length: 0 } })
  t.end()
})

t.test('Q185 a vote that throws, rejects or is late is a failed ballot with its plugin', async (t) => {
  const { hooks, call, a, b } = setup()
  a.votes(() => {
    throw new Error('thrown')
  })
  b.votes(async () => Promise.reject(new Error('rejected')))
  hooks.view('c').room.votes(async (_query, vote) => {
    await delay(DEADLINE_MS * 2)
    vote.said = 'too late'
  })
  hooks.view('d').room.votes(async () => {})
  const result = await call.votes('q', ballot)
  t.strictSame(result.cast, [{ said: 'd' }])
  t.match(Object.fromEntries(result.failed.map(({ plugin, error }) => [plugin, error])), {
    a: { code: 'MEZ_HOOK_FAILED', message: /'a'.*room\.votes.*thrown/ },
    b: { code: 'MEZ_HOOK_FAILED', message: /'b'.*rejected/ },
    c: { code: 'MEZ_HOOK_TIMEOUT', message: /'c'/ },
  })
  await delay(DEADLINE_MS * 2)
  t.equal(result.cast.length, 1, 'what comes late is not counted')
})

t.test('a ballot is cast by voting: a tap that returns something else has failed', async (t) => {
  const { call, a, b } = setup()
  const returned: unknown[] = [false, 'deny', { effect: 'deny' }, async () => {}, (function* () {})()]
  for (const answer of returned) {
    a.votes((() => answer) as never)
    b.votes((async () => answer) as never)
  }
  const nothing: unknown[] = [undefined, null, Promise.resolve(null)]
  for (const answer of nothing) a.votes((() => answer) as never)
  const { cast, failed } = await call.votes('q', ballot)
  t.equal(cast.length, nothing.length)
  t.equal(failed.length, returned.length * 2)
  t.match(failed[0]!.error.message, /returned a value/)
})

t.test('a failing ballot maker is a failed ballot too', (t) => {
  const { call, a } = setup()
  a.votes(() => {})
  const result = call.votes('q', () => {
    throw new Error('no ballot')
  })
  t.match(result, { cast: { length: 0 }, failed: [{ plugin: 'a' }] })
  t.end()
})

t.test('calls report whether anybody listens and whether all votes are pure', (t) => {
  const { call, a, b } = setup()
  t.ok(call.votes.empty)
  a.votes(() => {}, { pure: true })
  t.notOk(call.votes.empty)
  t.ok(call.votes.pure)
  b.votes(() => {})
  t.notOk(call.votes.pure)
  t.end()
})

t.test('taps after setup, with unknown options or stages, or without a function are refused', (t) => {
  const { hooks, a } = setup()
  const attempt = (...args: unknown[]) => (a.series as (...args: unknown[]) => void)(...args)
  t.throws(() => attempt('x'), {
    code: 'MEZ_TAP_INVALID',
    message: /'a' taps room\.series with a value that is not a function/,
  })
  t.throws(() => attempt(() => {}, { stge: 'early' }), { code: 'MEZ_TAP_INVALID', message: /option 'stge'/ })
  t.throws(() => attempt(() => {}, { stage: 'toString' }), {
    code: 'MEZ_TAP_INVALID',
    message: /stage 'toString'/,
  })
  hooks.freeze()
  t.throws(() => attempt(() => {}), { code: 'MEZ_SETUP_OVER', message: /'a' taps room\.series after setup/ })
  t.end()
})

t.test('a view cannot call or be changed, and two trees share nothing', (t) => {
  const one = setup()
  const two = setup()
  one.a.series(() => {})
  t.notOk(one.call.series.empty)
  t.ok(two.call.series.empty)
  t.equal(Object.isFrozen(one.a), true)
  t.end()
})

t.test(
  'a tap that takes more than 50 ms is reported by its plugin and hook, except in the life cycle',
  async (t) => {
    const slow: string[] = []
    const hooks = createHooks(
      { ...tree, lifecycle: { start: series<void>() } },
      {
        log: createLog({ write: () => {} }),
        slow: (plugin, hook, ms) => void slow.push(`${plugin} ${hook} ${ms > 50}`),
      },
    )
    const busy = () => {
      const until = performance.now() + 55
      while (performance.now() < until);
      return undefined
    }
    const { room, lifecycle } = hooks.view('a')
    room.waterfall(busy)
    room.tells(() => {
      busy()
      throw new Error('and fails')
    })
    room.votes(busy)
    room.parallel(() => delay(65).then(() => Promise.reject(new Error('and fails'))))
    lifecycle.start(() => delay(65))
    hooks.view('quick').room.waterfall(() => undefined)
    const { calls } = hooks
    calls.room.waterfall('x', 1)
    calls.room.tells('x')
    await calls.room.votes('x', ballot)
    await t.rejects(calls.room.parallel('x'))
    await calls.lifecycle.start()
    const reported = ['waterfall', 'tells', 'votes', 'parallel'].map((hook) => `a room.${hook} true`)
    t.strictSame(slow, reported)
  },
)
