// long
/** The pages of the documentation: generated parts against the sources, links, anchors, codes and tables. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { errorCodes } from '../../core/kernel/error-codes.ts'
import { changePages, changesOf } from '../../plugins/docs/changelog.ts'
import { readContents, readPage } from '../../plugins/docs/contents.ts'
import { allReasons } from '../../plugins/docs/generator/code-pages.ts'
import { buildSite } from '../../plugins/docs/generator/static-site.ts'
import { writtenPages } from '../../plugins/docs/generator/written-pages.ts'
import { anchorOf, createRenderer } from '../../plugins/docs/markdown.ts'
import { createSearch } from '../../plugins/docs/search.ts'
import { openBrowser } from '../e2e/open-browser.ts'
import { root, textOf } from '../read-imports.ts'
import { facts } from './facts.ts'
import { pageTexts } from './page-texts.ts'
import { known, unseen } from './plain-questions.ts'
import { questions } from './questions.ts'
import { drawingFaults, siteFaults } from './site-checks.ts'

// Starting a hub takes long on a busy machine.
t.setTimeout(900_000)

const pages = readContents().flatMap((section) => section.pages)
const files = globSync('**/*.md', {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|dist|fixtures|templates)$/.test(path),
})
const withoutCode = (text: string) => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')

t.test('generated pages match the sources', async (t) => {
  for (const [name, text] of Object.entries(await writtenPages()))
    t.ok(textOf(`plugins/docs/pages/${name}`) === text, `${name}: run npm run docs -- --pages`)
})

t.test('the contents list every page once', (t) => {
  t.strictSame(new Set(pages.map(({ name }) => name)).size, pages.length)
  t.strictSame(
    readContents().at(-1)?.pages,
    changePages(textOf('CHANGELOG.md')),
    'a page for each version: run npm run docs -- --pages',
  )
  const listed = pages.map(({ source }) => source)
  for (const source of listed) t.ok(existsSync(join(root, source)), source)
  const own = globSync('plugins/docs/pages/**/*.md', { cwd: root })
  const others = globSync('examples/operations/*.md', { cwd: root })
  t.strictSame(
    [...own, ...others].filter((file) => !listed.includes(file)),
    [],
    'each has an entry in contents.json',
  )
  t.end()
})

t.test('each version of the changelog has its page, with its headings', (t) => {
  const released =
    '## 0.2.0 (2026-12-01)\n\n### Security\n\n- One door.\n\n### Plugin authors\n\n- A `hook`.\n'
  const changelog = `# Changelog\n\n## Unreleased\n\n${released}`
  t.match(changePages(changelog), [
    { name: 'changes/next', section: 'Unreleased' },
    { name: 'changes/0.2.0', title: 'Version 0.2.0' },
  ])
  t.equal(changesOf(changelog, 'Unreleased'), '# The next version\n\nChanges since the last release.\n\n')
  t.equal(
    changesOf(changelog, '0.2.0 (2026-12-01)'),
    '# Version 0.2.0\n\nReleased on 2026-12-01.\n\n## Security\n\n- One door.\n\n## Plugin authors\n\n- A `hook`.',
  )
  t.end()
})

t.test('every link and anchor in a Markdown file leads somewhere', (t) => {
  const anchors = new Map<string, Set<string>>()
  const anchorsOf = (file: string) => {
    const known = anchors.get(file)
    if (known) return known
    const headings = [
      ...textOf(file)
        .replaceAll(/^```[\s\S]*?^```/gm, '')
        .matchAll(/^#{1,6} (.+)$/gm),
    ]
    const found = new Set(
      headings.map(([, heading]) => anchorOf(heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'))),
    )
    anchors.set(file, found)
    return found
  }
  let links = 0
  for (const file of files) {
    for (const [, href = ''] of withoutCode(textOf(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(href)) continue
      links++
      const [path = '', anchor] = href.split('#')
      const target = path === '' ? file : join(dirname(file), path)
      if (!existsSync(join(root, target))) t.fail(`${file}: ${href} leads nowhere`)
      else if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor))
        t.fail(`${file}: ${href} has no such heading`)
    }
  }
  t.ok(links > 200, `${links} links`)
  t.end()
})

t.test('each error code and each reason code has its section', async (t) => {
  const headings = (name: string) =>
    [...textOf(`plugins/docs/pages/look-up/${name}.md`).matchAll(/^## (\S+)$/gm)].map(([, code]) => code!)
  t.strictSame(headings('error-codes'), Object.keys(errorCodes))
  const reasons = headings('reason-codes')
  t.strictSame(
    reasons,
    (await allReasons()).map(([code]) => code),
  )
  t.ok(reasons.length > 150, `${reasons.length} reason codes`)
})

t.test('versions and limits in sentences match the sources', (t) => {
  const texts = pageTexts()
  for (const { name, written, values } of facts) {
    const found = texts.flatMap(({ name: page, text }) =>
      [...text.matchAll(written)].map((match) => ({
        page,
        text: match[0],
        value: match.slice(1).find(Boolean),
      })),
    )
    t.not(found.length, 0, `${name} is in a page`)
    for (const { page, text, value } of found)
      t.ok(values.includes(value ?? ''), `${page}: ${text}: ${values}`)
  }
  t.end()
})

t.test('no cell of a table is longer than 200 characters', (t) => {
  for (const source of files) {
    for (const line of textOf(source)
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .split('\n')) {
      if (!line.startsWith('|')) continue
      const long = line
        .split(/(?<!\\)\|/)
        .find((cell) => !/^\s*[-:]+\s*$/.test(cell) && cell.trim().length > 200)
      if (long !== undefined) t.fail(`${source}: ${long.trim().slice(0, 60)}… (${long.trim().length})`)
    }
  }
  t.end()
})

t.test('README and CONTRIBUTING are short, and name the two commands', (t) => {
  const readme = textOf('README.md')
  t.ok(readme.split('\n').length <= 151, `README: ${readme.split('\n').length} lines`)
  t.match(readme, /^npm ci && npm test$/m)
  t.match(readme, /^npm ci && npm run demo$/m)
  t.match([...readme.matchAll(/!\[/g)].length, 2)
  t.ok(textOf('CONTRIBUTING.md').split('\n').length < 120)
  t.end()
})

t.test(
  'the search answers forty questions of newcomers, operators, reviewers and authors in its first three results',
  async (t) => {
    const renderer = await createRenderer(pages)
    const rendered = pages.map((page) => ({ page, rendered: renderer.render(page, readPage(page)) }))
    for (const { page, rendered: one } of rendered) {
      t.ok(
        one.passages.some(({ level }) => level === 1),
        `${page.name} has a title`,
      )
      t.notMatch(one.html, /<(?:script|style)|\sstyle=|javascript:|\son[a-z]+=/, page.name)
    }
    const search = await createSearch(rendered)
    const all = Object.values(questions).flat()
    t.equal(all.length, 40)
    for (const [question, answer] of all) {
      const found = search
        .find(question)
        .slice(0, 3)
        .map(({ id }) => id)
      t.ok(
        found.some((id) => id === answer || id.startsWith(`${answer}#`)),
        `${question}: ${answer}, found ${found.join(', ')}`,
      )
    }
  },
)

t.test('the search answers questions in plain words that it was not tuned to', async (t) => {
  const renderer = await createRenderer(pages)
  const search = await createSearch(
    pages.map((page) => ({ page, rendered: renderer.render(page, readPage(page)) })),
  )
  t.equal(known.length + unseen.length, 240)
  for (const { question, answers } of [...known, ...unseen])
    for (const answer of answers)
      t.ok(
        pages.some(({ name }) => name === answer),
        `${question}: ${answer}`,
      )
  /** The questions whose answer is none of the first three pages. */
  const missed = (questions: typeof known) =>
    questions.filter(({ question, answers }) => {
      const found = search.find(question).slice(0, 3)
      return !found.some(({ id }) => answers.includes(id.split('#')[0]!))
    })
  for (const [kind, questions] of Object.entries({ known, unseen })) {
    const failed = missed(questions)
    t.comment(`${kind}: ${questions.length - failed.length} of ${questions.length}`)
    // 27 of 30.
    t.ok(
      failed.length <= questions.length / 10,
      `${kind}: ${failed.map(({ question }) => question).join('; ')}`,
    )
  }
})

t.test('each page for operators says in its head by which words people look for it', (t) => {
  const inner = pages.filter(({ name }) => !/^(build|changes)\//.test(name))
  for (const page of inner) t.match(readPage(page), /^<!-- search: [\s\S]+?\s-->$/m, page.name)
  t.ok(inner.length > 50)
  t.end()
})

t.test('each page is also Markdown, and llms.txt lists them', async (t) => {
  const hub = await createTestHub({ config: { plugins: { docs: { public: true } } } })
  t.teardown(() => hub.stop())
  const visitor = hub.visitor()
  const get = (path: string) => visitor.fetch(`${hub.signInUrl}/web/docs/${path}`)
  const list = await get('llms.txt')
  t.match(list, { status: 200, headers: { 'content-type': /^text\/plain/ } })
  t.match(
    list.text,
    /^# Mezite\n\n> .+\n\n## Start\n\nFor the first hour\.\n\n- \[What Mezite is\]\(start\/idea\.md\)/,
  )
  const listed = [...list.text.matchAll(/\]\(([^)]+)\.md\)/g)].map(([, name]) => name)
  t.strictSame(
    listed,
    pages.map(({ name }) => name),
  )
  for (const name of ['how-to/everyday', 'look-up/mezctl', 'changes/next']) {
    const page = await get(`${name}.md`)
    t.match(page, { status: 200, headers: { 'content-type': /^text\/markdown/ } }, name)
    t.match(page.text, /^# /)
    t.notMatch(page.text, '<!--')
    for (const [, href = ''] of withoutCode(page.text).matchAll(/\]\(([^)\s#]+\.md)/g))
      if (!/^[a-z]+:/.test(href))
        t.ok(listed.includes(posix.join(dirname(name), href).slice(0, -'.md'.length)), `${name}: ${href}`)
  }
  t.equal((await get('how-to/nothing.md')).status, 404)
  const closed = await createTestHub()
  t.teardown(() => closed.stop())
  const refused = await closed.visitor().fetch(`${closed.signInUrl}/web/docs/llms.txt`)
  t.not(refused.status, 200, 'only for people who have signed in, unless the documentation is public')
})

t.test(
  'the static site has every page, its links and anchors lead somewhere, and axe finds nothing',
  async (t) => {
    const folder = t.testdir()
    const { files: count } = await buildSite(folder)
    t.ok(count > pages.length, `${count} files`)
    const idsOf = new Map<string, Set<string>>()
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    const anchorsOf = (file: string) => {
      const found =
        idsOf.get(file) ?? new Set([...read(file).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!))
      idsOf.set(file, found)
      return found
    }
    const written = globSync('**/*.html', { cwd: folder })
    t.ok(pages.every(({ name }) => written.includes(`${name}.html`)))
    for (const file of written) {
      for (const [, href = ''] of read(file).matchAll(/ (?:href|src|data-index)="([^"]+)"/g)) {
        if (/^(https?|data|mailto):/.test(href)) continue
        const [path = '', anchor] = href.split('#')
        const target = path === '' ? file : join(dirname(file), path)
        if (!existsSync(join(folder, target))) t.fail(`${file}: ${href} leads nowhere`)
        else if (anchor && target.endsWith('.html') && !anchorsOf(target).has(decodeURIComponent(anchor)))
          t.fail(`${file}: ${href} has no such anchor`)
      }
    }
    const browser = await openBrowser(t)
    const whole = ['index.html', 'start/idea.html', 'look-up/limits.html', 'how-to/verify-the-caller.html']
    t.strictSame(
      await siteFaults(browser, folder, written, whole, (progress) => t.comment(progress)),
      [],
      'accessible in both themes, at 320 px',
    )
  },
)

t.test('drawings are readable in both themes', (t) => {
  const tokens = textOf('core/web/pages/browser/tokens.css')
  const [, light = '', dark = ''] = /--surface: light-dark\((#\w{6}), (#\w{6})\)/.exec(tokens) ?? []
  const drawings = globSync('plugins/docs/pages/pictures/*.svg', { cwd: root })
  t.ok(drawings.length >= 2)
  for (const file of drawings) {
    const svg = textOf(file)
    t.strictSame(drawingFaults(svg, { light, dark }), [], file)
    t.match(svg, /<title>/, 'its name for screen readers')
    t.ok(
      pages.some((page) => readPage(page).includes(file.split('/').at(-1)!)),
      `${file} is in a page`,
    )
  }
  t.end()
})
