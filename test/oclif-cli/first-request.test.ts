// together: quick
/** What the first bytes at the local proxy of msh ask for: only its own names lead anywhere. */
import fc from 'fast-check'
import t from 'tap'
import { parseFirstRequest } from '../../oclif-cli/msh/first-request.ts'

const PORT = 6_389
const parse = (start: string, ...lines: string[]) =>
  parseFirstRequest(Buffer.from([start, ...lines, '', 'the rest'].join('\r\n'), 'latin1'), PORT)

t.test('a request is for the app that its host names', (t) => {
  for (const [start, host, kind, app] of [
    ['GET / HTTP/1.1', 'web.localhost:6389', 'origin', 'web'],
    ['POST /x HTTP/1.0', 'WEB.LocalHost:6389', 'origin', 'web'],
    ['GET http://web.localhost/ HTTP/1.1', 'web.localhost', 'absolute', 'web'],
    ['GET HTTP://Web.localhost:6389/a?b HTTP/1.1', 'other.localhost', 'absolute', 'web'],
    ['GET http://web.localhost:80?x HTTP/1.1', 'web.localhost', 'absolute', 'web'],
    ['CONNECT web.localhost:80 HTTP/1.1', 'web.localhost:80', 'connect', 'web'],
    ['CONNECT web.localhost:6389 HTTP/1.1', 'web.localhost', 'connect', 'web'],
    ['CONNECT wiki.example.com:443 HTTP/1.1', 'wiki.example.com:443', 'connect', null],
  ] as const)
    t.match(parse(start, `Host: ${host}`), { kind, app }, start)
  const tunnel = parse('CONNECT web.localhost:80 HTTP/1.1', 'Host: x', 'User-Agent: y')
  t.match(tunnel, {
    bytes: 'CONNECT web.localhost:80 HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n\r\n'.length - 2 + 2,
  })
  t.end()
})

t.test('any other host matches no app', (t) => {
  for (const [start, ...lines] of [
    ['GET / HTTP/1.1'],
    ['GET / HTTP/1.1', 'Host: web.localhost'],
    ['GET / HTTP/1.1', 'Host: web.localhost:80'],
    ['GET / HTTP/1.1', 'Host: 127.0.0.1:6389'],
    ['GET / HTTP/1.1', 'Host: localhost:6389'],
    ['GET / HTTP/1.1', 'Host: a.b.localhost:6389'],
    ['GET / HTTP/1.1', 'Host: web.localhost.:6389'],
    ['GET / HTTP/1.1', 'Host: web.localhost:6389', 'hOST: web.localhost:6389'],
    ['GET / HTTP/1.1', 'Host: web.localhost:6389 evil'],
    ['GET / HTTP/1.1', 'Host : web.localhost:6389'],
    ['GET http://web.localhost:1/ HTTP/1.1', 'Host: web.localhost:6389'],
    ['GET http://evil.example/ HTTP/1.1', 'Host: web.localhost:6389'],
    ['GET http://web.localhost:6389@evil.example/ HTTP/1.1', 'Host: web.localhost:6389'],
    ['GET http://user@web.localhost/ HTTP/1.1', 'Host: web.localhost:6389'],
    ['CONNECT web.localhost HTTP/1.1', 'Host: web.localhost:6389'],
    ['CONNECT [::1]:443 HTTP/1.1', 'Host: web.localhost:6389'],
    ['CONNECT user@x:443 HTTP/1.1', 'Host: web.localhost:6389'],
    ['CONNECT x:443 HTTP/1.1', 'Host: a', 'Host: b'],
    ['PRI * HTTP/2.0'],
    ['GET  / HTTP/1.1', 'Host: evil.example'],
  ] as const)
    t.equal(parse(start, ...lines).kind, 'other', [start, ...lines].join(' | '))
  t.end()
})

t.test('bytes of strangers never throw, and name only apps of this port', (t) => {
  const name = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string(), { maxLength: 4 }), (start, lines) => {
      const first = parse(start, ...lines)
      return first.kind === 'other' || first.app === null || name.test(first.app)
    }),
    { numRuns: 2_000 },
  )
  t.end()
})
