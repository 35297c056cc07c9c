// together: quick
/** What a hub sends costs the agent its link at most. */
import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { openHubLink } from '../../agent/hub-link.ts'
import { systemClock } from '../../core/kernel/clock.ts'
import { memoryLog } from '../../core/testing/index.ts'
import { encodeLine } from '../../core/wire/line-reader.ts'
import { socketPair } from '../socket-pair.ts'

async function open(onMessage: () => void) {
  const [near, far] = await socketPair()
  t.teardown(() => {
    near.destroy()
    far.destroy()
  })
  const closed = new Promise<string>((resolve) =>
    openHubLink({
      socket: near as TLSSocket,
      version: '9',
      clock: systemClock,
      log: memoryLog().log,
      onMessage,
      dial: () => Promise.reject(new Error('nothing to dial')),
      onUp() {},
      onClosed: resolve,
    }),
  )
  return { far, closed }
}

t.test('a message without a handler ends the link', async (t) => {
  const { far, closed } = await open(() => {
    throw new Error('not understood')
  })
  const session = connect('http://agent', { createConnection: () => far })
  session.on('error', () => {})
  const control = session.request({ ':method': 'POST', ':path': '/v1/control' }, { endStream: false })
  control.on('error', () => {})
  await once(control, 'response')
  control.write(encodeLine({ type: 'greeting', protocol: 1 }))
  control.write(encodeLine({ type: 'anything' }))
  t.equal(await closed, 'protocol_error')
})

t.test('a hub that cuts the link ends it with its reason, although the connection stays open', async (t) => {
  const { far, closed } = await open(() => {})
  const session = connect('http://agent', { createConnection: () => far })
  session.on('error', () => {})
  const control = session.request({ ':method': 'POST', ':path': '/v1/control' }, { endStream: false })
  control.on('error', () => {})
  await once(control, 'response')
  control.write(encodeLine({ type: 'greeting', protocol: 1 }))
  session.goaway(constants.NGHTTP2_NO_ERROR, 0, Buffer.from('agent_locked'))
  t.equal(await closed, 'agent_locked')
})

t.test('a control stream that is reset as soon as it is opened ends the link', async (t) => {
  const { far, closed } = await open(() => {})
  far.resume()
  const text = (name: string, value: string) =>
    `\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`
  const head = `\x83\x86${text(':path', '/v1/control')}${text(':authority', 'agent')}`
  const frames = [
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\0\0\0\x04\0\0\0\0\0',
    `\0\0${String.fromCharCode(head.length)}\x01\x04\0\0\0\x01${head}`,
    '\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08',
  ]
  far.write(Buffer.from(frames.join(''), 'latin1'))
  t.equal(await closed, 'connection_lost')
})
