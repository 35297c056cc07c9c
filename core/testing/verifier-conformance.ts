import { hubPartChecks } from '../api/part-checks.ts'
import type { UnidentifiedRequest, Verifier } from '../api/verifiers.ts'
import { readingsOf } from '../gate/access/path-readings.ts'
import { deepFreeze } from '../kernel/deep-freeze.ts'
import { type ConformTest, inTime, testsWith } from './conformance-test.ts'
import { cpuMs, HARD_TEXTS, MOST_CPU_MS } from './stranger-work.ts'

/** A request as a sender makes it. */
export interface SentRequest {
  /** The suite reads the path. */
  readonly request: Omit<UnidentifiedRequest, 'readings'>
  readonly body: Buffer
}

/** A verifier, with requests for it. */
export interface VerifierUnderTest {
  readonly verifier: Verifier
  /** A request that it admits now, without repeated headers. */
  readonly sent: SentRequest
  /** Names of the headers that prove it, such as a signature. Empty if none does, as for a rule about networks. */
  readonly proofs: readonly string[]
  /** The same request from so long ago that it is refused; left out if its senders sign no time. */
  readonly old?: SentRequest
  close(): Promise<void>
}

type Outcome = 'admitted' | 'refused'

/**
 * Checks an entry of the slot `verifiers`: it admits what its sender has proved, and nothing with a proof that is missing,
 * doubled, damaged or old, with other bytes, or for another app; and it costs strangers little.
 */
export function conformVerifier(t: ConformTest, open: () => Promise<VerifierUnderTest>): void {
  const opened = testsWith(t, open)
  const test = (
    name: string,
    run: (
      t: ConformTest,
      under: VerifierUnderTest,
      outcomeOf: (sent: SentRequest) => Promise<Outcome>,
    ) => Promise<void>,
  ) =>
    opened(name, (t, under) =>
      run(t, under, async ({ request, body }) => {
        const found = under.verifier.verify(asked(request))
        if (found === null || found.refuse !== undefined) return 'refused'
        if (found.body === undefined) return 'admitted'
        if (body.length > found.body.limit) return 'refused'
        const result = await inTime(Promise.resolve(found.body.check(body)), 'check', 2_000)
        if (typeof result !== 'boolean') throw new TypeError('`check` must return whether it fits')
        return result ? 'admitted' : 'refused'
      }),
    )

  test('it has a name, and admits by a rule with a name', async (t, { verifier, sent }) => {
    const fault = hubPartChecks.verifiers?.(verifier) ?? null
    t.ok(fault === null, fault ?? 'valid')
    const found = verifier.verify(asked(sent.request))
    t.ok(/^[a-z0-9][a-z0-9-]{0,62}$/.test(found?.rule ?? ''), `the rule '${found?.rule}'`)
    const limit = found?.body?.limit ?? 1
    t.ok(Number.isInteger(limit) && limit > 0 && limit <= 1_048_576, `at most ${limit} bytes`)
  })

  test('a valid proof is admitted, in every spelling of header names', async (t, { sent }, outcomeOf) => {
    for (const spell of ['toLowerCase', 'toUpperCase'] as const) {
      const headers = sent.request.headers.map((text, i) => (i % 2 === 0 ? text[spell]() : text))
      const outcome = await outcomeOf({ ...sent, request: { ...sent.request, headers } })
      t.ok(outcome === 'admitted', `${spell}: ${outcome}`)
    }
  })

  test('a proof that is missing, doubled, damaged or old admits nothing', async (t, {
    sent,
    proofs,
    old,
  }, outcomeOf) => {
    for (const proof of proofs)
      for (const [what, values] of Object.entries(DAMAGES)) {
        const outcome = await outcomeOf(withProof(sent, proof, values))
        t.ok(outcome === 'refused', `${proof}, ${what}: ${outcome}`)
      }
    if (old === undefined) return
    const outcome = await outcomeOf(old)
    t.ok(outcome === 'refused', `old: ${outcome}`)
  })

  test('if it reads the body, it admits exactly the bytes that were sent', async (t, {
    verifier,
    sent,
  }, outcomeOf) => {
    if (verifier.verify(asked(sent.request))?.body === undefined) return void t.ok(true, 'it does not')
    for (const [what, body] of Object.entries(otherBodies(sent.body))) {
      const outcome = await outcomeOf({ ...sent, body })
      t.ok(outcome === 'refused', `${what}: ${outcome}`)
    }
    t.ok((await outcomeOf(sent)) === 'admitted', 'and these again')
  })

  test('a request to another app is not admitted', async (t, { sent }, outcomeOf) => {
    const { request } = sent
    const about = {
      id: '0191f0a2-0000-7000-8000-00000000ffff',
      name: 'no-such-app',
      publicAddr: 'other.example.com',
    }
    const app = { ...request.app, ...about, labels: {}, plugins: {} }
    const outcome = await outcomeOf({ ...sent, request: { ...request, app } })
    t.ok(outcome === 'refused', outcome)
  })

  test('a stranger costs little, whatever is sent', async (t, { verifier, sent, proofs }, outcomeOf) => {
    for (const text of HARD_TEXTS) {
      const shown = JSON.stringify(text.slice(0, 40))
      const requests = [
        ...proofs.map((proof) => withProof(sent, proof, () => [text]).request),
        { ...sent.request, method: text, target: `/${text}` },
      ]
      for (const request of requests) {
        const { ms } = cpuMs(() => verifier.verify(asked(request)))
        t.ok(ms < MOST_CPU_MS, `${shown}: ${ms} ms of work`)
        const outcome = await outcomeOf({ ...sent, request })
        if (proofs.length > 0 && request.target === sent.request.target)
          t.ok(outcome === 'refused', `${shown}: ${outcome}`)
      }
    }
  })
}

/** The request as the hub passes it. */
const asked = (request: SentRequest['request']): UnidentifiedRequest =>
  deepFreeze({ ...request, readings: readingsOf(request.target.split('?', 1)[0] as string) })

/** Values that the header has instead of its one. */
const DAMAGES: Readonly<Record<string, (value: string) => readonly string[]>> = {
  missing: () => [],
  empty: () => [''],
  'the same twice': (value) => [value, value],
  'another one first': (value) => [`${value.slice(0, -1)}0`, value],
  'another one last': (value) => [value, `${value.slice(0, -1)}0`],
  'both in one line': (value) => [`${value}, ${value}`],
  shorter: (value) => [value.slice(0, -1)],
  longer: (value) => [`${value}0`],
  'one character changed': (value) => [value.slice(0, -1) + (value.endsWith('0') ? '1' : '0')],
  'not a text of ASCII': (value) => [`${value.slice(0, -1)}ÿ`],
}

function withProof(
  sent: SentRequest,
  proof: string,
  values: (value: string) => readonly string[],
): SentRequest {
  const { headers } = sent.request
  const lines: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string]
    if (name.toLowerCase() !== proof.toLowerCase()) lines.push(name, value)
    else for (const other of values(value)) lines.push(name, other)
  }
  return { ...sent, request: { ...sent.request, headers: lines } }
}

function otherBodies(body: Buffer): Readonly<Record<string, Buffer>> {
  const changed = (at: number) => {
    const copy = Buffer.from(body)
    copy[at] = (copy[at] ?? 0) ^ 1
    return copy
  }
  const some = body.length > 0
  return {
    'one byte more': Buffer.concat([body, Buffer.from('\n')]),
    'one byte before': Buffer.concat([Buffer.from(' '), body]),
    ...(some && {
      none: Buffer.alloc(0),
      'the last byte less': body.subarray(0, -1),
      'the first byte changed': changed(0),
      'the last byte changed': changed(body.length - 1),
    }),
  }
}
