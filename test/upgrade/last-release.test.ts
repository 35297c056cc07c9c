import { execFileSync } from 'node:child_process'
import t from 'tap'
import { BASELINE, lastRelease } from './last-release.ts'

t.test('an upgrade is measured against the last release, not against the commit before', (t) => {
  const folder = t.testdir()
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: folder })
  const commit = () => git('commit', '--allow-empty', '--quiet', '--message', 'x')
  git('init', '--quiet')
  commit()
  commit()
  t.equal(lastRelease(folder), BASELINE)
  for (const tag of ['v0.9.0', 'v0.10.0', 'v0.11.0-rc.1', 'nightly']) git('tag', tag)
  commit()
  git('tag', 'v0.12.0')
  t.equal(lastRelease(folder), 'v0.10.0', 'this commit may be the next release')
  commit()
  t.equal(lastRelease(folder), 'v0.12.0')
  t.end()
})
