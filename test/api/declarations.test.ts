/** A plugin that uses the entries can be published with its declarations. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../read-imports.ts'

t.test('a plugin can be published with its declarations', (t) => {
  const out = mkdtempSync(join(tmpdir(), 'mezite-declarations-'))
  t.teardown(() => rmSync(out, { recursive: true }))
  const options = [
    ...['--declaration', '--emitDeclarationOnly', '--skipLibCheck', '--strict'],
    ...['--module', 'nodenext', '--target', 'esnext', '--types', 'node'],
    ...[
      '--allowImportingTsExtensions',
      '--customConditions',
      'mezite-source',
      '--outDir',
      out,
      '--rootDir',
      root,
    ],
  ]
  // The compiler is a program of its own: its launcher is a script, which cannot load below the test runner's hooks.
  const native = `@typescript/typescript-${process.platform}-${process.arch}`
  const compiler = join(root, 'node_modules', native, 'lib/tsc')
  const fixture = join(root, 'test/api/fixtures/hub.ts')
  // Its threads check the same declarations several times, and its memory is not worth collecting.
  const args = ['--ignoreConfig', '--singleThreaded', ...options, fixture]
  const env = { ...process.env, GOGC: 'off', GOMEMLIMIT: '2GiB' }
  const { stdout, stderr } = spawnSync(compiler, args, { encoding: 'utf8', env })
  t.equal(stdout + stderr, '')
  t.match(
    readFileSync(join(out, 'test/api/fixtures/hub.d.ts'), 'utf8'),
    /export declare const hub: .*AnyPlugin/,
  )
  t.end()
})
