// together: quick
import t from 'tap'
import { type Static, type TSchema, Type } from 'typebox'
import { createLog } from '../../core/base/log/program-log.ts'
import { first, parallel, series, tells } from '../../core/kernel/hook.ts'
import { createKernel, type KernelOptions } from '../../core/kernel/kernel.ts'
import { type AnyPlugin, type Host, pluginDefiner } from '../../core/kernel/plugin.ts'
import type { Reasons } from '../../core/kernel/reason.ts'
import { type Refs, serviceRef, slotRef } from '../../core/kernel/reference.ts'
import { memoryLog } from '../../core/testing/memory-log.ts'

const tree = {
  lifecycle: {
    start: series<void>({ deadlineMs: 50 }),
    ready: parallel<void>(),
    drain: parallel<AbortSignal>({ deadlineMs: 200 }),
    stop: series<void>({ reverse: true, deadlineMs: 50 }),
  },
  room: { ask: first<string, string>() },
}
type Tree = typeof tree
const define = pluginDefiner<Tree>('hub')

const number = serviceRef<number>('number')
const words = slotRef<string>('words')

const log = createLog({ write: () => {} })
const kernelOf = (plugins: readonly AnyPlugin[], options: Partial<KernelOptions<Tree>> = {}) =>
  createKernel({ tree, side: 'hub', plugins, log, ...options })

/** A plugin that writes down its life. */
const recorder = (name: string, seen: string[], fail: { start?: () => unknown; stop?: () => unknown } = {}) =>
  define({
    name,
    api: 1,
    summary: '',
    setup({ tap }) {
      tap.lifecycle.start(async () => {
        seen.push(`start ${name}`)
        await fail.start?.()
      })
      tap.lifecycle.stop(async () => {
        seen.push(`stop ${name}`)
        await fail.stop?.()
      })
    },
  })
const boom = () => {
  throw new Error('boom')
}

t.test('the host has exactly six members', (t) => {
  let host: object = {}
  kernelOf([
    define({
      name: 'a',
      api: 1,
      summary: '',
      setup(given) {
        host = given
      },
    }),
  ]).setup()
  t.strictSame(Object.keys(host).sort(), ['clock', 'config', 'log', 'provide', 'tap', 'use'])
  t.ok(Object.isFrozen(host))
  t.end()
})

t.test('services and slots pass from plugins and the program to those that name them', async (t) => {
  const got: unknown[] = []
  const reader = define({
    name: 'a-reader',
    api: 1,
    summary: 'Reads',
    version: '2.0.0',
    needs: { count: number, list: words },
    wants: { extra: serviceRef<object>('nobody') },
    setup({ use, tap }) {
      got.push(use.count, use.list, use.extra)
      tap.room.ask((question) => (question === 'mine' ? 'yes' : null))
    },
  })
  const giver = define({
    name: 'giver',
    api: 1,
    summary: 'Gives',
    provides: { number, words },
    setup({ provide }) {
      provide.number(7)
      provide.words('x')
      provide.words('y')
    },
  })
  const kernel = kernelOf([reader, giver])
  kernel.setup([
    [words, 'own'],
    [serviceRef<string>('s'), 'part'],
  ])
  t.strictSame(got, [7, ['own', 'x', 'y'], undefined])
  t.strictSame(kernel.slot(words), ['own', 'x', 'y'])
  t.equal(kernel.service(number), 7)
  t.equal(kernel.service(serviceRef('s')), 'part')
  t.equal(kernel.service(serviceRef('nobody')), undefined)
  t.equal(await kernel.calls.room.ask('mine'), 'yes')
  t.strictSame(kernel.tapsOf('room.ask'), ['a-reader'])
  t.match(kernel.describe(), [
    {
      name: 'giver',
      api: 1,
      version: null,
      provides: ['number', 'words'],
      taps: { length: 0 },
      startMs: null,
    },
    { name: 'a-reader', version: '2.0.0', summary: 'Reads', taps: ['room.ask'] },
  ])
})

t.test(
  'setup gets checked configuration with defaults, and any fault stops the setup of all plugins at once',
  (t) => {
    const schema = Type.Object(
      { size: Type.Integer({ default: 3 }), name: Type.Optional(Type.String()) },
      { additionalProperties: false },
    )
    let config: Static<typeof schema> | undefined
    const a = define({
      name: 'a',
      api: 1,
      summary: '',
      config: schema,
      setup(host) {
        config = host.config
      },
    })
    const b = define({ name: 'b', api: 1, summary: '', setup() {} })
    kernelOf([a, b]).setup()
    t.strictSame(config, { size: 3 })
    t.throws(() => kernelOf([a, b], { configs: { a: { size: 'x', nam: 1 }, b: { c: 1 } } }).setup(), {
      code: 'MEZ_CONFIG_INVALID',
      message:
        /plugins\.a\.nam: unknown key; did you mean 'name'\?\n.*plugins\.a\.size: must be integer\n.*plugins\.b: the plugin takes/s,
    })
    t.end()
  },
)

t.test('a setup that throws, is asynchronous or lacks a name is reported with its plugin', (t) => {
  const of = (setup: (host: Host<Tree, TSchema, Refs, Refs, { number: typeof number }>) => void) =>
    kernelOf([define({ name: 'p', api: 1, summary: '', provides: { number }, setup } as never)])
  t.throws(() => of(boom).setup(), {
    code: 'MEZ_SETUP_FAILED',
    message: "plugin 'p' failed in setup: boom",
    cause: Error,
  })
  t.throws(() => of(async () => boom()).setup(), {
    code: 'MEZ_SETUP_FAILED',
    message: /'p'.*async/,
    hint: /lifecycle\.start/,
  })
  const lazy: unknown[] = [(function* () {})(), (async function* () {})()]
  for (const result of lazy)
    t.throws(() => of(() => result as never).setup(), { code: 'MEZ_SETUP_FAILED', message: /'p'.*async/ })
  const throwing = (thrown: unknown) => () => {
    throw thrown
  }
  for (const thrown of [undefined, Object.create(null)])
    t.throws(() => of(throwing(thrown)).setup(), { code: 'MEZ_SETUP_FAILED', message: /^plugin 'p' failed/ })
  t.throws(() => of(() => {}).setup(), {
    code: 'MEZ_SERVICE_UNPROVIDED',
    message: /'p' declares the service 'number'/,
  })
  t.throws(() => of(({ provide }) => provide.number(undefined as never)).setup(), {
    code: 'MEZ_SERVICE_UNPROVIDED',
  })
  const twice = of(({ provide }) => {
    provide.number(1)
    provide.number(2)
  })
  t.throws(() => twice.setup(), { code: 'MEZ_SERVICE_TWICE', message: /'p' provided 'number' twice/ })
  t.end()
})

t.test('provided values are checked, and an error names their plugin', (t) => {
  const of = (part: unknown) =>
    kernelOf(
      [
        define({
          name: 'p',
          api: 1,
          summary: '',
          provides: { words },
          setup: ({ provide }) => provide.words(part as string),
        }),
      ],
      { checks: { words: (part) => (typeof part === 'string' ? null : 'it is no text') } },
    )
  t.throws(() => of(undefined).setup(), { code: 'MEZ_SERVICE_UNPROVIDED', message: /'p' .* as 'words'/ })
  t.throws(() => of(7).setup(), { code: 'MEZ_PART_INVALID', message: /'p' .* 'words' entry: it is no text/ })
  t.doesNotThrow(() => of('x').setup())
  t.end()
})

t.test('an invalid reference is reported with its plugin and place', (t) => {
  const plain = { side: 'hub', name: 'p', api: 1, summary: '', setup() {} } as const
  for (const wrong of [{ needs: { x: undefined } }, { wants: ['x'] }, { provides: { x: 'number' } }]) {
    const [[member = ''] = []] = Object.entries(wrong)
    const message = new RegExp(`'p' has no reference as '[x0]' of its '${member}'`)
    t.throws(() => kernelOf([{ ...plain, ...(wrong as object) }]).setup(), {
      code: 'MEZ_PLUGIN_INVALID',
      message,
    })
  }
  t.end()
})

t.test('a reason without a form or a next step is reported with its plugin and code', (t) => {
  const plain = { side: 'hub', name: 'p', api: 1, summary: '', setup() {} } as const
  const next = 'Do this.'
  for (const [code, reason] of Object.entries({
    'no-snake': { next },
    half: {},
    empty: { next: '' },
    none: null,
  })) {
    const reasons = { [code]: reason } as unknown as Reasons
    const message = new RegExp(`'p' has no valid reason '${code}'`)
    t.throws(() => kernelOf([{ ...plain, reasons }]).setup(), { code: 'MEZ_PLUGIN_INVALID', message })
  }
  const kernel = kernelOf([{ ...plain, reasons: { closed_today: { next } } }])
  kernel.setup()
  t.same(kernel.reasonOf('closed_today'), { next })
  t.equal(kernel.reasonOf('toString'), undefined)
  t.end()
})

t.test('a schema that would accept a misspelt key or lose a default is refused at any depth', (t) => {
  const closed = { additionalProperties: false } as const
  const open = Type.Object({ from: Type.Optional(Type.Integer()) })
  const other = Type.Object({ to: Type.Optional(Type.Integer()) })
  const plain = { type: 'object', properties: { from: { type: 'integer', default: 9 } }, ...closed }
  const check = (config: unknown) =>
    kernelOf([define({ name: 'p', api: 1, summary: '', config: config as TSchema, setup() {} })]).setup()
  const refused: [unknown, RegExp][] = [
    [open, /'p' has a config schema that takes/],
    [Type.Object({ hours: open }, closed), /'p' .* at hours takes unknown keys/],
    [Type.Object({ all: Type.Array(open) }, closed), /at all takes unknown keys/],
    [Type.Object({ by: Type.Record(Type.String(), open) }, closed), /at by.* takes unknown keys/],
    [Type.Union([open, other]), /takes unknown keys/],
    [Type.Intersect([open, other]), /takes unknown keys/],
    [plain, /is not made with Type/],
    [Type.Object({ hours: Type.Unsafe(plain) }, closed), /at hours is not made with Type/],
    [
      Type.Object({ a: Type.String({ pattern: '(' }) }, closed),
      /'p' .* is broken: Invalid regular expression/,
    ],
    ...[null, 'x', { _def: {}, parse() {} }].map((config): [unknown, RegExp] => [
      config,
      /is not made with Type/,
    ]),
  ]
  for (const [config, message] of refused)
    t.throws(() => check(config), { code: 'MEZ_PLUGIN_INVALID', message })
  const accepted = [
    Type.Intersect([open, other], { unevaluatedProperties: false }),
    Type.Union([Type.Object({ from: Type.Integer() }, closed), Type.Object({}, closed)]),
    Type.Object(
      {
        by: Type.Record(Type.String(), Type.String()),
        any: Type.Object({}, { additionalProperties: true }),
      },
      closed,
    ),
    Type.Object({ data: Type.Optional(Type.String({ default: 'x', enum: ['x'] })) }, closed),
  ]
  for (const config of accepted)
    t.doesNotThrow(() => check(Type.Object({ in: Type.Optional(config) }, closed)))
  t.end()
})

t.test('tapping and providing are over after setup', (t) => {
  let late: (() => void)[] = []
  const plugin = define({
    name: 'p',
    api: 1,
    summary: '',
    provides: { words },
    setup({ provide, tap }) {
      late = [() => provide.words('late'), () => tap.room.ask(() => null)]
    },
  })
  kernelOf([plugin]).setup()
  for (const attempt of late) t.throws(attempt, { code: 'MEZ_SETUP_OVER', message: /plugin 'p'/ })
  t.end()
})

t.test('plugins of another side or api, or with a name in use, are refused', (t) => {
  const plain = { side: 'hub', name: 'p', api: 1, summary: '', setup() {} } as const
  t.throws(() => kernelOf([{ ...plain, side: 'agent' }]).setup(), { code: 'MEZ_PLUGIN_SIDE' })
  t.throws(() => kernelOf([{ ...plain, api: 9 }]).setup(), { code: 'MEZ_PLUGIN_API' })
  t.throws(() => kernelOf([{ ...plain }, { ...plain }]).setup(), { code: 'MEZ_PLUGIN_TWICE', message: /'p'/ })
  t.end()
})

t.test('start runs in order and stop in reverse, once each however often they are called', async (t) => {
  const seen: string[] = []
  const kernel = kernelOf([recorder('b', seen), recorder('a', seen)])
  kernel.setup()
  await Promise.all([kernel.start(), kernel.start()])
  t.ok(kernel.describe().every(({ startMs }) => startMs !== null && startMs >= 0))
  await kernel.stop()
  await kernel.stop()
  t.strictSame(seen, ['start a', 'start b', 'stop b', 'stop a'])
})

t.test('stop without start, and without setup, is safe', async (t) => {
  const seen: string[] = []
  await kernelOf([recorder('a', seen)]).stop()
  const kernel = kernelOf([recorder('a', seen)])
  kernel.setup()
  await kernel.stop()
  t.strictSame(seen, [], 'nothing had started')
  await t.rejects(kernel.start(), { code: 'MEZ_START_FAILED' }, 'and it does not come back to life')
})

t.test('a failed start names its plugin and stops the started ones in reverse', async (t) => {
  const seen: string[] = []
  const plugins = [recorder('a', seen), recorder('b', seen, { start: boom, stop: boom }), recorder('c', seen)]
  const kernel = kernelOf(plugins)
  kernel.setup()
  await t.rejects(kernel.start(), {
    code: 'MEZ_START_FAILED',
    // It names the plugin once.
    message: /^plugin 'b' did not start: (?!.*'b').*boom/,
    cause: Error,
  })
  t.strictSame(seen, ['start a', 'start b', 'stop b', 'stop a'])
})

t.test('a hanging start names its plugin and stops the started ones', async (t) => {
  const seen: string[] = []
  const kernel = kernelOf([recorder('a', seen), recorder('b', seen, { start: () => new Promise(() => {}) })])
  kernel.setup()
  await t.rejects(kernel.start(), {
    code: 'MEZ_START_FAILED',
    message: "plugin 'b' did not respond to lifecycle.start within 50 ms",
    cause: { code: 'MEZ_HOOK_TIMEOUT' },
  })
  t.strictSame(seen, ['start a', 'start b', 'stop b', 'stop a'])
})

t.test('stop during start ends the start after the step that is under way', async (t) => {
  const seen: string[] = []
  let kernel: ReturnType<typeof kernelOf>
  const stopper = recorder('a', seen, { start: () => void kernel.stop() })
  kernel = kernelOf([stopper, recorder('b', seen)])
  kernel.setup()
  await t.rejects(kernel.start(), { code: 'MEZ_START_FAILED', message: 'stopped while starting' })
  t.strictSame(seen, ['start a', 'stop a'])
})

t.test('a plugin that does not stop is reported and does not block others', async (t) => {
  const seen: string[] = []
  const kernel = kernelOf([recorder('a', seen), recorder('b', seen, { stop: () => new Promise(() => {}) })])
  kernel.setup()
  await kernel.start()
  await t.rejects(kernel.stop(), { code: 'MEZ_HOOK_TIMEOUT', message: /'b'/ })
  t.strictSame(seen.slice(2), ['stop b', 'stop a'])
})

t.test(
  'drain waits for plugins and parts of the program, and names those that fail or are late',
  async (t) => {
    const { log, lines } = memoryLog()
    const draining = (name: string, drain: () => Promise<void>) =>
      define({ name, api: 1, summary: '', setup: ({ tap }) => tap.lifecycle.drain(drain) })
    const plugins = [draining('broken', async () => boom()), draining('hanging', () => new Promise(() => {}))]
    const kernel = kernelOf(plugins, { log })
    const aborted: boolean[] = []
    kernel.tap('the port').lifecycle.drain(async (signal) => void aborted.push(signal.aborted))
    kernel.setup()
    t.throws(() => kernel.tap('the port').lifecycle.drain(() => {}), { code: 'MEZ_SETUP_OVER' })
    await kernel.drain(AbortSignal.timeout(1_000), 30)
    t.strictSame(aborted, [false])
    t.match(lines, [
      /ERROR draining failed part=broken .*boom/,
      /ERROR draining timed out parts=\["hanging"\]/,
    ])
  },
)

t.test('a service cannot be changed by those who use it', (t) => {
  const counter = serviceRef<{ next(): number }>('counter')
  let used: { next(): number } | undefined
  const giver = define({
    name: 'giver',
    api: 1,
    summary: '',
    provides: { counter },
    setup: ({ provide }) => provide.counter({ next: () => 1 }),
  })
  const taker = define({
    name: 'taker',
    api: 1,
    summary: '',
    needs: { counter },
    setup({ use }) {
      used = use.counter
    },
  })
  kernelOf([giver, taker]).setup()
  t.throws(() => {
    used!.next = () => 2
  }, TypeError)
  t.equal(used!.next(), 1)
  t.end()
})

t.test('a deprecated hook or reference is reported once for each plugin, with the remedy', (t) => {
  const { log, lines } = memoryLog()
  const old = slotRef<string>('old')
  const aged = {
    ...tree,
    room: { ask: { ...tree.room.ask, deprecated: 'tap room.answer' } },
  } satisfies Tree
  const plugins = ['one', 'two'].map((name) =>
    define({
      name,
      api: 1,
      summary: '',
      wants: {
        first: { ...old, deprecated: 'provide words' },
        second: { ...old, deprecated: 'provide words' },
      },
      setup({ tap }) {
        tap.room.ask(() => null)
        tap.room.ask(() => null)
      },
    }),
  )
  kernelOf([...plugins, recorder('three', [])], { tree: aged, log }).setup()
  t.strictSame(
    lines.map((line) => line.slice(line.indexOf('WARN'))),
    ['one', 'two'].flatMap((name) => [
      `WARN  [${name}] plugin '${name}' uses the slot 'old', which is deprecated: provide words`,
      `WARN  [${name}] plugin '${name}' uses the hook 'room.ask', which is deprecated: tap room.answer`,
    ]),
  )
  t.end()
})

t.test('a slow tap is logged once a minute, and counted each time', (t) => {
  const { log, lines } = memoryLog()
  const counted: string[] = []
  const watched = { ...tree, room: { ...tree.room, told: tells<string>() } }
  const plugin = pluginDefiner<typeof watched>('hub')({
    name: 'sloth',
    api: 1,
    summary: '',
    setup({ tap }) {
      tap.room.told(() => {
        const until = performance.now() + 55
        while (performance.now() < until);
      })
    },
  })
  const kernel = createKernel({
    tree: watched,
    side: 'hub',
    plugins: [plugin],
    log,
    slowTap: (...of) => void counted.push(of.slice(0, 2).join(' ')),
  })
  kernel.setup()
  kernel.calls.room.told('x')
  kernel.calls.room.told('x')
  t.strictSame(counted, ['sloth room.told', 'sloth room.told'])
  t.match(lines, [/WARN .*sloth.*room\.told/])
  t.equal(lines.length, 1)
  t.end()
})

t.test('two kernels in one process share nothing', async (t) => {
  const seen: string[] = []
  const plugin = define({
    name: 'p',
    api: 1,
    summary: '',
    provides: { number },
    setup: ({ provide, tap }) => {
      provide.number(seen.length)
      tap.lifecycle.ready(() => void seen.push('ready'))
    },
  })
  const [one, two] = [kernelOf([plugin]), kernelOf([plugin])]
  one.setup()
  await one.ready()
  two.setup()
  await two.stop()
  await one.drain(AbortSignal.timeout(1_000), 1_000)
  t.strictSame([one.service(number), two.service(number)], [0, 1])
  t.strictSame(seen, ['ready'])
})

t.test('a member that a plugin did not declare, or the other half has, is reported with what to do', (t) => {
  const otherHalf = { dial: { open: tree.lifecycle.start } } as never
  // biome-ignore lint/suspicious/noExplicitAny: what types would refuse
  const setups: readonly (readonly [(host: any) => unknown, string, RegExp, RegExp])[] = [
    [
      ({ tap }) => tap.dial.open(() => {}),
      'MEZ_TAP_INVALID',
      /^plugin 'p' taps 'dial', which the hub does not have$/,
      /hook of the agent: tap it in the agent half of the plugin \(agent\.ts\)/,
    ],
    [
      ({ tap }) => tap.lifecycle.begin(() => {}),
      'MEZ_TAP_INVALID',
      /^plugin 'p' taps 'lifecycle.begin'/,
      /The hub has lifecycle.start, /,
    ],
    [
      ({ use }) => use.words.length,
      'MEZ_PLUGIN_INVALID',
      /^plugin 'p' reads use.words, which it does not declare$/,
      /needs: \{ words \}, or wants: \{ words \}/,
    ],
    [
      ({ provide }) => provide.words('x'),
      'MEZ_PLUGIN_INVALID',
      /^plugin 'p' reads provide.words/,
      /provides: \{ words \}/,
    ],
  ]
  for (const [setup, code, message, hint] of setups) {
    const plugin = define({ name: 'p', api: 1, summary: '', setup: setup as never })
    t.throws(() => kernelOf([plugin], { otherHalf }).setup(), { code, message, hint })
  }
  let later: () => unknown = () => {}
  const late = define({
    name: 'p',
    api: 1,
    summary: '',
    setup({ use }) {
      later = () => (use as unknown as Record<string, unknown>).number
    },
  })
  kernelOf([
    late,
    define({
      name: 'q',
      api: 1,
      summary: '',
      provides: { number },
      setup: ({ provide }) => provide.number(1),
    }),
  ]).setup()
  t.throws(later, { code: 'MEZ_PLUGIN_INVALID', message: /'p' reads use.number/ }, 'in a tap, too')
  const lenient = define({
    name: 'p',
    api: 1,
    summary: '',
    wants: { words },
    setup({ use, tap }) {
      t.strictSame({ ...use }, { words: [] }, 'what it declares can be spread')
      t.equal(String(use), '[object Object]')
      t.equal(JSON.stringify(tap), '{"lifecycle":{},"room":{}}')
    },
  })
  kernelOf([lenient]).setup()
  const named = (name: string, hint: RegExp) =>
    t.throws(() => kernelOf([define({ name, api: 1, summary: '', setup() {} })]).setup(), {
      code: 'MEZ_PLUGIN_INVALID',
      message: `plugin '${name}' has an invalid name`,
      hint,
    })
  named('OfficeHours', /small letters, digits and hyphens: name: 'office-hours'/)
  named('@acme/geo', /name: 'acmegeo'/)
  t.end()
})
