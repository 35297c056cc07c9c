// long
/** What `npm run build` leaves, which everything else about packages begins with. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, globSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { build, isBuilt, keysOf } from '../../oclif-cli/packaging/build.ts'
import { publishedWorkspaces, root } from '../../oclif-cli/packaging/workspaces.ts'

const all = publishedWorkspaces()
await build()

t.test('P181 a package is packed only after a build of its current sources', (t) => {
  const keys = keysOf(all)
  for (const one of all) t.ok(isBuilt(one, keys.get(one)!), one.path)
  const [rbac, hub] = ['plugins/rbac', 'core/mezhub'].map((path) => all.find((one) => one.path === path)!)
  const copy = t.testdir()
  cpSync(rbac!.folder, copy, { recursive: true })
  const copied = { ...rbac!, folder: copy }
  const changed = () => keysOf(all.map((one) => (one === rbac ? copied : one)))
  t.equal(changed().get(copied), keys.get(rbac!))
  t.ok(isBuilt(copied, keys.get(rbac!)!))
  appendFileSync(join(copy, 'roles.ts'), '\n')
  t.not(changed().get(copied), keys.get(rbac!), 'a source has changed')
  t.not(changed().get(hub!), keys.get(hub!), 'so a package that depends on it is built again as well')
  truncateSync(join(copy, 'dist/hub.js'), 10)
  t.notOk(isBuilt(copied, keys.get(rbac!)!), 'somebody changed what was built')
  t.end()
})

/** Files below a folder that a service, which runs as a user of its own, cannot read. */
function unreadableIn(folder: string): readonly string[] {
  const files = globSync('**', { cwd: folder })
  return files.filter((file) => {
    const found = statSync(join(folder, file))
    const needed = found.isDirectory() ? 0o055 : 0o044
    return (found.mode & needed) !== needed
  })
}

t.test('every user may read the built files, whatever the umask of the build is', (t) => {
  for (const { path, folder } of all) t.strictSame(unreadableIn(join(folder, 'dist')), [], path)
  const output = join(t.testdir(), 'web')
  const program = join(root, 'plugins/dashboard/build.ts')
  // The demo builds the scripts of the dashboard within a hub, whose files are private.
  execFileSync('sh', ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, program, output])
  t.ok(globSync('**/*.js', { cwd: output }).length > 1)
  t.strictSame(unreadableIn(output), [])
  t.end()
})
