import { randomUUID } from 'node:crypto'
import type { Notifier, NotifierMessage } from '../api/notifications.ts'
import { type ConformTest, inTime, testsWith } from './conformance-test.ts'

/** A notifier with a receiver that a test can look into. */
export interface NotifierUnderTest {
  readonly notifier: Notifier
  /** What the receiver has accepted, one text for each message, decoded as people or programs read it. */
  received(): Promise<readonly string[]>
  /** From then on the receiver accepts connections and never responds. */
  hang(): void
  close(): Promise<void>
}

/** A notification as a notifier gets it, for tests. */
export function testMessage(changes: Partial<NotifierMessage> = {}): NotifierMessage {
  return {
    id: randomUUID(),
    time: '2030-01-01T00:00:00.000Z',
    cluster: 'test',
    kind: 'test',
    severity: 'warning',
    title: 'A certificate expires',
    text: 'In 20 days.',
    path: '/web/admin',
    url: 'https://hub.example.com/web/admin',
    ...changes,
  }
}

const HARD = 'Ünïcödé 🔐 "quotes" \\ back'

/**
 * Checks that a notifier delivers what it takes, says when it could not, and ends when its signal aborts. `open` creates a
 * notifier that takes everything for operators, with a receiver.
 */
export function conformNotifier(t: ConformTest, open: () => Promise<NotifierUnderTest>): void {
  const test = testsWith(t, open)
  const deliver = ({ notifier }: NotifierUnderTest, message: NotifierMessage) =>
    inTime(notifier.deliver(message, AbortSignal.timeout(15_000)), 'deliver')

  test('it has a name and lists its settings', async (t, { notifier }) => {
    t.ok(/^[a-z0-9][a-z0-9-]{0,62}$/.test(notifier.name), `the name '${notifier.name}'`)
    for (const severity of ['info', 'warning', 'critical'] as const)
      t.ok(notifier.takes({ kind: 'test', severity, title: 'Title' }) === true, `it takes ${severity}`)
    const person = notifier.takes({ kind: 'test', severity: 'info', title: 'Title', user: 'nobody' })
    t.ok(typeof person === 'boolean', 'it answers for a person that it does not know')
  })

  test('title, text and address arrive', async (t, under) => {
    const message = testMessage({ title: `Title ${HARD}`, text: `First ${HARD}\nsecond line` })
    await deliver(under, message)
    await deliver(under, testMessage({ title: 'Only a title', text: '', url: null }))
    const received = await under.received()
    t.ok(received.length === 2, `two messages, not ${received.length}`)
    const [first = '', second = ''] = received
    for (const part of [`Title ${HARD}`, `First ${HARD}`, 'second line', message.url!])
      t.ok(first.includes(part), `"${part}" arrives`)
    t.ok(second.includes('Only a title'), 'a title alone arrives')
  })

  test('the same message again is accepted', async (t, under) => {
    const message = testMessage()
    await deliver(under, message)
    await deliver(under, message)
    t.ok((await under.received()).length > 0, 'it arrives')
  })

  test('a receiver that hangs ends with the signal, as a failure', async (t, under) => {
    under.hang()
    const ended = under.notifier.deliver(testMessage(), AbortSignal.timeout(100)).then(
      () => 'delivered',
      () => 'failed',
    )
    // Less than notifiers wait for a receiver by themselves, and enough for a busy machine.
    const outcome = await inTime(ended, 'the end after the signal', 9_000)
    t.ok(outcome === 'failed', `${outcome}`)
  })
}
