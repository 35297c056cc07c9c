/**
 * An application whose page has 60 resources: HTML, 2 style sheets, 20 scripts, 28 images, 3 fonts and 6 calls of its API,
 * of which the last one decides what the largest image is. Browsers ask again for everything (`no-cache`), and get 304.
 * Tells its port.
 */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { crc32, deflateSync } from 'node:zlib'

const [SCRIPTS, IMAGES, FONTS, CALLS] = [20, 28, 3, 6]
const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

/** A PNG (ISO/IEC 15948) of noise, so that it is as large as its pixels: 8 bits of grey each. */
function png(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head[8] = 8
  const rows = Buffer.concat(range(height).flatMap(() => [Buffer.alloc(1), randomBytes(width)]))
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    ...[chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))],
  ])
}

const files = new Map<string, readonly [type: string, body: Buffer]>()
const add = (path: string, type: string, body: string | Buffer): string => {
  files.set(path, [type, Buffer.from(body as string)])
  return path
}
const filler = (bytes: number): string => `/* ${randomBytes(bytes / 2).toString('hex')} */\n`
const scripts = range(SCRIPTS).map((at) => add(`/script-${at}.js`, 'text/javascript', filler(12_000)))
const images = range(IMAGES - 1).map((at) => add(`/image-${at}.png`, 'image/png', png(120, 100 + 5 * at)))
const largest = add('/largest.png', 'image/png', png(400, 300))
const fonts = range(FONTS).map((at) => add(`/font-${at}.woff2`, 'font/woff2', randomBytes(20_000)))
const calls = range(CALLS).map((at) =>
  add(
    `/api/${at}`,
    'application/json',
    JSON.stringify({ image: largest, more: randomBytes(1_000).toString('hex') }),
  ),
)
const faces = fonts.map(
  (url, at) => `@font-face { font-family: f${at}; src: url(${url}) } .f${at} { font-family: f${at} }`,
)
add('/fonts.css', 'text/css', faces.join('\n'))
add(
  '/page.css',
  'text/css',
  `img { width: 40px; height: 40px } .largest { width: 600px; height: 450px }\n${filler(20_000)}`,
)
add(
  '/',
  'text/html',
  `<!doctype html><title>Page</title><link rel="stylesheet" href="/page.css"><link rel="stylesheet" href="/fonts.css">
${scripts.map((url) => `<script defer src="${url}"></script>`).join('')}
${fonts.map((_, at) => `<p class="f${at}">Text</p>`).join('')}<main></main>
${images.map((url) => `<img src="${url}">`).join('')}
<script type="module">
const answers = await Promise.all(${JSON.stringify(calls)}.map(async (url) => (await fetch(url)).json()))
const image = new Image()
image.className = 'largest'
image.onload = () => { document.title = 'Done' }
image.src = answers.at(-1).image
document.querySelector('main').append(image)
</script>`,
)

createServer((request, response) => {
  const [type, body] = files.get(request.url ?? '') ?? ['text/plain', Buffer.from('ok')]
  const etag = `"${body.length}"`
  const same = request.headers['if-none-match'] === etag
  response.writeHead(same ? 304 : 200, { 'content-type': type, 'cache-control': 'no-cache', etag })
  response.end(same ? undefined : body)
}).listen(0, '127.0.0.1', function (this: { address(): unknown }) {
  process.send?.({ port: (this.address() as { port: number }).port })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
