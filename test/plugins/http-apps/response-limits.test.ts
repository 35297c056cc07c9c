// together: quick
/** How long each part of an answer may be, and after which bytes its pipe carries no other request. */
import t from 'tap'
import { limits } from '../../../plugins/http-apps/limits.ts'
import { readOurs } from './response-reader.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`
const read = (...chunks: string[]) => readOurs({ method: 'GET', chunks })

t.test('every part of a response has a limit', (t) => {
  const lines = (count: number) => `${OK}Content-Length: 0\r\n${'A: b\r\n'.repeat(count - 1)}\r\n`
  t.equal(read(lines(limits.responseLines - 1)).fault, null)
  t.match(read(lines(limits.responseLines + 1)).fault, /too many header lines/)
  t.match(read(`${OK}A: `, 'b'.repeat(limits.responseHeadBytes)).fault, /head of the response is too long/)
  const interim = 'HTTP/1.1 103 Early Hints\r\n\r\n'
  t.match(read(interim.repeat(limits.informational + 1)).fault, /too many interim responses/)
  const line = `A: ${'b'.repeat(limits.trailerBytes / 2)}\r\n`
  t.equal(read(`${CHUNKED}0\r\n${line}\r\n`).fault, null)
  t.match(read(`${CHUNKED}0\r\n${line.repeat(2)}\r\n`).fault, /trailers are too long/)
  const extension = `1;a=${'b'.repeat(limits.chunkLineBytes)}`
  t.match(read(`${CHUNKED}${extension}\r\nx\r\n0\r\n\r\n`).fault, /chunk of the response is malformed/)
  t.match(
    read(CHUNKED, extension).fault,
    /chunk of the response is malformed/,
    'and is not held until its end',
  )
  t.end()
})

t.test('bytes that are not HTTP are not a response', (t) => {
  for (const answer of [
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${CHUNKED}1;a="\x01"\r\nx\r\n0\r\n\r\n`,
    `${CHUNKED}1\r\nx\r\n0\r\nA: \0\r\n\r\n`,
  ])
    t.not(read(answer).fault, null, JSON.stringify(answer))
  t.end()
})

t.test('a connection with bytes after the end of a response is not reused', (t) => {
  const whole = {
    'no body': 'HTTP/1.1 304 Not Modified\r\n\r\n',
    'a length': `${OK}Content-Length: 1\r\n\r\nx`,
    chunks: `${CHUNKED}1\r\nx\r\n0\r\n\r\n`,
  }
  const carriesMore = (...chunks: string[]) => {
    const { fault, reusable } = read(...chunks)
    return fault === null && reusable
  }
  for (const [what, answer] of Object.entries(whole)) {
    t.ok(carriesMore(answer), what)
    const next = `${OK}Content-Length: 5\r\n\r\nowned`
    t.equal(carriesMore(answer + next), false, `${what}, at once`)
    t.equal(carriesMore(answer, next), false, `${what}, later`)
    t.equal(carriesMore(answer.slice(0, -1), answer.slice(-1) + next), false, `${what}, with its last byte`)
  }
  t.end()
})
