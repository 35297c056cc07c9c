import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { createTestHub } from '@mezite/core/testing'

const ROOT = '/web/docs'
/** Attributes that name other files; `data-index` and `data-base` are read by the script of the search. */
const LINKS = /\b(href|src|data-index|data-base)="(\/[^"#]*)(#[^"]*)?"/g

/**
 * Visits every page of the documentation at a hub that serves it to everyone, and writes what the hub sends to a folder, with
 * relative links. Search in the site needs its script; reading does not.
 */
export async function buildSite(output: string): Promise<{ readonly files: number }> {
  const hub = await createTestHub({ config: { plugins: { docs: { public: true } } } })
  try {
    const visitor = hub.visitor()
    rmSync(output, { recursive: true, force: true })
    const waiting = [ROOT]
    const seen = new Set(waiting)
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const response = await visitor.fetch(hub.signInUrl + path)
      if (response.status !== 200) throw new Error(`${path}: ${response.status}`)
      const file = fileOf(path)
      const isPage = file.endsWith('.html')
      const text = !isPage
        ? response.text
        : response.text
            .replaceAll(`action="${ROOT}/search"`, 'action=""')
            .replace(LINKS, (_, name: string, target: string, hash = '') => {
              const other = target === '/' ? ROOT : target
              const isBase = name === 'data-base'
              if (!isBase && !seen.has(other) && !/\/search$/.test(other)) waiting.push(other)
              seen.add(other)
              const to = isBase ? '.' : fileOf(other)
              const relative = posix.relative(posix.dirname(file), to) || '.'
              return isBase ? `data-base="${relative}/" data-suffix=".html"` : `${name}="${relative}${hash}"`
            })
      const place = join(output, file)
      mkdirSync(dirname(place), { recursive: true })
      writeFileSync(place, text)
    }
    return { files: seen.size }
  } finally {
    await hub.stop()
  }
}

/** The file of a path that the hub serves. */
function fileOf(path: string): string {
  if (path === ROOT || path === `${ROOT}/`) return 'index.html'
  if (!path.startsWith(`${ROOT}/`)) return `hub${path}`
  const name = path.slice(ROOT.length + 1)
  return /\.[a-z]+$/.test(name) ? name : `${name}.html`
}
