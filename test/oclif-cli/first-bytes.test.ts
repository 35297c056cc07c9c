// together: quick
/** Which bytes on a local port count as a request that a web page of another origin made a browser send. */
import t from 'tap'
import {
  classifyFirstBytes,
  crossOriginProblem,
  type FirstBytes,
  LONGEST_HEAD,
} from '../../oclif-cli/msh/browser-guard.ts'

const PORT = 6_380
const classify = (text: string) => classifyFirstBytes(Buffer.from(text, 'latin1'), PORT)
/** A whole request with these headers. */
const get = (...lines: string[]) => classify(`GET /a HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)

t.test('I123 every method and version that a browser can send is an HTTP request', async (t) => {
  for (const start of ['GET /', 'get /', 'GET https', "a!#$%&'*+.^_`|~-9 /", 'M-SEARCH /', 'BREW HTTPS:'])
    t.equal(classify(start), 'head', start)
  for (const start of ['', 'G', 'GET', 'GET ', 'GET h', 'GET http', "a!#$%&'*+.^_`|~-9", 'M-SEARCH H'])
    t.equal(classify(start), 'start', start)
  for (const version of ['1.0', '1.1']) {
    const text = `GET / HTTP/${version}\r\nHost: localhost:${PORT}\r\nOrigin: null\r\n\r\n`
    t.equal(classify(text), 'page', version)
    for (const end of [1, 2, 3, 4]) t.equal(classify(text.slice(0, -end)), 'head', 'not yet whole')
  }
})

t.test('other protocols pass at once', async (t) => {
  const others = [
    '*1\r\n',
    'PING\r\n',
    'GET key',
    'get http\r\n',
    'GET /key\r\n',
    'GET / HTTP/1.1\n',
    'a b /',
  ]
  for (const text of [...others, 'GET / HTTP/2.0\r\n', 'GET / HTTP/1.1 \r\n', '\x16\x03\x01', '(/ /', ' /'])
    t.equal(classify(text), 'other', JSON.stringify(text))
  t.equal(classify('a'.repeat(LONGEST_HEAD - 1)), 'start')
  t.equal(classify('a'.repeat(LONGEST_HEAD)), 'other', 'a word that does not end')
  t.equal(
    classify(`GET /${'a'.repeat(LONGEST_HEAD)} HTTP/1.1\r\n\r\n`),
    'head',
    'a head that is too long to be examined',
  )
})

t.test('I123 a page is recognised by its origin, or by a rebound name in a browser’s request', async (t) => {
  const host = `Host: localhost:${PORT}`
  const browsers = ['User-Agent: Mozilla/5.0', 'user-agent:Mozilla/5.0', 'ACCEPT-LANGUAGE: en']
  const pages: string[][] = [
    [host, 'Origin: https://evil.example'],
    [host, 'oRIGIN: null'],
    [host, 'Sec-Fetch-Site: cross-site'],
    [host, 'sec-fetch-mode: no-cors', 'SEC-FETCH-SITE: same-site'],
    ['Host: evil.example', 'Origin: http://evil.example'],
    ['Sec-Fetch-Dest: image'],
    ...browsers.map((browser) => [`Host: evil.example:${PORT}`, browser]),
    ...browsers.map((browser) => [browser, 'HOST:EVIL.EXAMPLE']),
    ...browsers.map((browser) => [': evil', 'no header', 'Host: notlocalhost', browser]),
  ]
  for (const lines of pages) t.equal(get(...lines), 'page', lines.join())
  const names = [
    'localhost',
    'LOCALHOST.',
    'a.localhost:80',
    '127.0.0.1',
    '10.0.0.7:9200',
    '[fd00::7]:9200',
    '',
  ]
  const others: string[][] = [
    [],
    [host, `Origin: http://localhost:${PORT}`, 'Sec-Fetch-Site: same-origin'],
    [host, 'Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate'],
    ['Host: evil.example', 'User-Agent: curl/8.5.0', 'X-Origin: a', 'Originally: b', 'X-Accept-Language: c'],
    ...names.map((name) => [`Host: ${name}`, 'User-Agent: Mozilla/5.0', 'Accept-Language: en']),
  ]
  for (const lines of others) t.equal(get(...lines), 'other' satisfies FirstBytes, lines.join())
})

t.test('I123 local names for which browsers do not report the site of a page are recognised', async (t) => {
  for (const name of [`0.0.0.0:${PORT}`, '0.0.0.0', `[::ffff:7f00:1]:${PORT}`, '[::FFFF:7F00:1]']) {
    t.equal(get(`Host: ${name}`, 'User-Agent: Mozilla/5.0'), 'page', name)
    t.equal(get(`Host: ${name}`, 'User-Agent: curl/8.5.0'), 'other', name)
  }
})

t.test(
  'I123 an HTTP app answers under this port of 127.0.0.1 and localhost, once, to its own pages',
  async (t) => {
    const may = (port: number, ...headers: string[]) => crossOriginProblem(headers, port) === null
    for (const name of ['127.0.0.1', 'localhost', 'LocalHost']) {
      t.ok(may(PORT, 'host', `${name}:${PORT}`), name)
      t.notOk(may(PORT, 'host', name), 'no port')
      t.ok(may(80, 'host', name), 'the port of HTTP may be omitted')
      t.ok(may(80, 'HOST', `${name}:80`))
    }
    const host = ['Host', `localhost:${PORT}`]
    t.notOk(may(PORT), 'no name')
    t.notOk(may(PORT, ...host, ...host), 'two names')
    t.notOk(may(PORT, 'Host', `127.0.0.1:${PORT}, localhost:${PORT}`))
    const own = [...host, 'ORIGIN', `HTTP://LOCALHOST:${PORT}`, 'SEC-FETCH-SITE', 'same-origin']
    t.ok(may(PORT, ...own))
    for (const origin of [`http://localhost:${PORT}0`, `http://127.0.0.1:${PORT}`, 'null', ''])
      t.notOk(may(PORT, ...own, 'Origin', origin), `a second origin ${origin}`)
    for (const site of ['cross-site', 'same-site', 'Same-Origin', 'same-origin, none', ''])
      t.notOk(may(PORT, ...own, 'Sec-Fetch-Site', site), `a second site ${site}`)
  },
)
