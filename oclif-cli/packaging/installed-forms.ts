/** Installs the forms of a release on this machine, each where nothing else sees it. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { executableName, type Target } from './executables.ts'
import { images } from './images.ts'
import type { InstalledForm } from './open-app.ts'

/** A form that `install` puts into `folder` (empty, and removed by the caller) and takes away again with `remove`. */
export interface Form {
  readonly name: string
  /** Why it cannot run on this machine; null if it can. */
  whyNot(): string | null
  install(release: string, folder: string): { readonly form: InstalledForm; readonly remove?: () => void }
}

const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
/** Root of many containers may not mount, which both checks need. */
const mayMount = () => process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0
const filesOf = (release: string, pattern: string) =>
  globSync(pattern, { cwd: release }).map((file) => join(release, file))
const run = (command: string, ...args: readonly string[]) =>
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })

const npm: Form = {
  name: 'npm packages, Linux x64',
  whyNot: () => null,
  install(release, folder) {
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
    const { NODE_OPTIONS: _, ...env } = process.env
    const packs = filesOf(
      release,
      '{mezite-core,mezite-cli,mezite-hub,mezite-agent,mezite-mezctl,mezite-msh,mezite-plugin-*}-[0-9]*.tgz',
    )
    const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts']
    execFileSync('npm', ['install', ...flags, ...packs], {
      cwd: folder,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const bin = join(folder, 'node_modules/.bin')
    return { form: { command: (program, args) => [join(bin, program), ...args] } }
  },
}

/** Debian's and the image's name of each processor. */
const ARCHITECTURES = { amd64: 'x64', arm64: 'arm64' } as const
type Architecture = keyof typeof ARCHITECTURES

/** Why programs for Linux on this processor do not run here; null if they do. */
const otherMachine = (arch: string): string | null =>
  process.platform === 'linux' && process.arch === arch
    ? null
    : `this machine is ${process.platform} ${process.arch}`

/** In a copy of this system that shares its files until they are changed, so that packages run their scripts and change nothing here. */
const debian = (architecture: Architecture): Form => ({
  name: `Debian packages, ${architecture}`,
  whyNot: () =>
    otherMachine(ARCHITECTURES[architecture]) ??
    (mayMount() && has('dpkg') ? null : 'needs dpkg, and root that may mount'),
  install(release, folder) {
    const at = (name: string) => join(folder, name)
    for (const name of ['space', 'root']) mkdirSync(at(name))
    run('mount', '-t', 'tmpfs', 'tmpfs', at('space'))
    const remove = () => {
      for (const name of ['root', 'space']) spawnSync('umount', ['--lazy', '--recursive', at(name)])
    }
    try {
      for (const name of ['space/upper', 'space/work']) mkdirSync(at(name))
      const layers = `lowerdir=/,upperdir=${at('space/upper')},workdir=${at('space/work')}`
      run('mount', '-t', 'overlay', 'overlay', '-o', layers, at('root'))
      for (const name of ['/proc', '/dev']) run('mount', '--rbind', name, join(at('root'), name))
      // Programs inside see the files of the check under the same path.
      mkdirSync(join(at('root'), folder), { recursive: true })
      const shared = dirname(folder)
      run('mount', '--bind', shared, join(at('root'), shared))
      const packages = filesOf(release, '{mezhub,mezd,mezite-cli}_*_all.deb').concat(
        filesOf(release, `mezite-node_*_${architecture}.deb`),
      )
      for (const file of packages) run('cp', file, join(at('root'), 'var/tmp'))
      const names = packages.map((file) => `/var/tmp/${file.split('/').at(-1)}`)
      run('chroot', at('root'), 'dpkg', '--install', ...names)
    } catch (error) {
      remove()
      throw error
    }
    return {
      form: {
        command: (program, args) => ['chroot', at('root'), `/usr/bin/${program}`, ...args],
        env: { HOME: folder },
      },
      remove,
    }
  },
})

const executables = (target: Target, arch: string): Form => ({
  name: `executables, ${target}`,
  whyNot: () => otherMachine(arch),
  install(release, folder) {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    return {
      form: {
        command: (program, args) => [join(release, executableName(program, target)), ...args],
        env: { HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') },
      },
    }
  },
})

interface Blob {
  readonly digest: string
  readonly platform?: { readonly architecture: string }
}

/** Unpacks an image for a processor as an engine does, and returns its configuration. */
export function unpackImage(archive: string, architecture: string, folder: string) {
  const layout = join(folder, 'layout')
  mkdirSync(layout)
  run('tar', '-xf', archive, '-C', layout)
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'))
  const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
  const [index] = json(join(layout, 'index.json')).manifests as Blob[]
  const manifests = json(blob(index!.digest)).manifests as Blob[]
  const manifest = json(
    blob(manifests.find(({ platform }) => platform?.architecture === architecture)!.digest),
  )
  const rootfs = join(folder, 'rootfs')
  mkdirSync(rootfs)
  for (const { digest } of manifest.layers as Blob[])
    run('tar', '--same-owner', '-xzpf', blob(digest), '-C', rootfs)
  const config = json(blob(manifest.config.digest))
  rmSync(layout, { recursive: true })
  return config as {
    readonly architecture: string
    readonly config: {
      readonly User: string
      readonly Env: readonly string[]
      readonly Entrypoint: readonly string[]
    }
  }
}

interface Container {
  readonly rootfs: string
  readonly user: number
  readonly env: readonly string[]
  readonly args: readonly string[]
  /** A folder that it may write, under the same path inside. */
  readonly shared: string
}

/** Read-only, without a capability, as the user of the image, in the network of this machine. */
function bundle(folder: string, { rootfs, user, env, args, shared }: Container): void {
  const namespaces = ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type }))
  const tmpfs = (destination: string) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'mode=1777'],
  })
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      ociVersion: '1.0.2',
      process: {
        ...{ user: { uid: user, gid: user }, args, env, cwd: '/', noNewPrivileges: true },
        capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      },
      root: { path: rootfs, readonly: true },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        ...['/dev', '/tmp'].map(tmpfs),
        { destination: shared, type: 'bind', source: shared, options: ['rbind', 'rw'] },
      ],
      linux: { namespaces },
    }),
  )
}

const image = (architecture: Architecture): Form => ({
  name: `images, linux/${architecture}`,
  whyNot: () =>
    otherMachine(ARCHITECTURES[architecture]) ??
    (mayMount() && has('runc') ? null : 'needs runc, and root that may mount'),
  install(release, folder) {
    let runs = 0
    const unpacked = Object.entries(images).map(([name, { name: file }]) => {
      const place = join(folder, name)
      mkdirSync(place)
      const [archive] = filesOf(release, `${file}-*.oci.tar`)
      return [name, unpackImage(archive!, architecture, place).config] as const
    })
    const configs = new Map(unpacked)
    return {
      form: {
        command(program, args, shared) {
          const name = program === 'mezd' ? 'agent' : program === 'msh' ? null : 'hub'
          if (name === null) return null
          const { User, Env } = configs.get(name)!
          const user = Number(User.split(':')[0])
          const place = join(folder, `run-${runs++}`)
          mkdirSync(place)
          giveTo(shared, user)
          // The mount point of what the check writes: the root file system is read-only.
          const rootfs = join(folder, name, 'rootfs')
          mkdirSync(join(rootfs, shared), { recursive: true })
          bundle(place, { rootfs, user, env: Env, args: [program, ...args], shared })
          const id = `mezite-check-${process.pid}-${runs}`
          return ['runc', 'run', '--bundle', place, id]
        },
      },
    }
  },
})

function giveTo(path: string, user: number): void {
  chownSync(path, user, user)
  chmodSync(path, statSync(path).isDirectory() ? 0o700 : 0o600)
  if (statSync(path).isDirectory())
    for (const name of globSync('*', { cwd: path })) giveTo(join(path, name), user)
}

/** Forms that are made for other machines are here as well, so that the table says why they did not run. */
export const forms: readonly Form[] = [
  npm,
  debian('amd64'),
  debian('arm64'),
  executables('linux-x64', 'x64'),
  executables('linux-arm64', 'arm64'),
  image('amd64'),
  image('arm64'),
]
