/** Container images for two processors, made without a container engine, as archives of an OCI layout. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipped, type Member, tarOf } from './archive.ts'
import { baseFiles, IMAGE_ARCHITECTURES, type ImageArchitecture } from './base-files.ts'
import { sha256Of } from './checksums.ts'
import { linuxOn, nodeBinary } from './executables.ts'
import { type Program, programFiles, programs } from './program-files.ts'
import { commitSeconds, manifestOf, root } from './workspaces.ts'

/** Rootless: a user that no file of the image belongs to but its data folder. */
const USER = 65532
const SECOND_NS = 1_000_000_000

interface Image {
  readonly name: string
  readonly summary: string
  readonly programs: readonly Program[]
  /** The program that runs, with `start`. */
  readonly entry: Program
  readonly dataFolder: string
  /** TCP ports that it listens on. */
  readonly ports: readonly number[]
  /** URL of the health check; `diagnostics.listen_addr` has this address. */
  readonly health: string
}

export const images = {
  hub: {
    name: 'mezite-hub',
    summary: 'Hub that gives people access to internal applications',
    programs: ['mezhub', 'mezctl'],
    entry: 'mezhub',
    dataFolder: 'var/lib/mezite',
    ports: [3080],
    health: 'http://127.0.0.1:3081/healthz',
  },
  agent: {
    name: 'mezite-agent',
    summary: 'Agent that connects applications to a Mezite hub',
    programs: ['mezd'],
    entry: 'mezd',
    dataFolder: 'var/lib/mezite-agent',
    ports: [],
    health: 'http://127.0.0.1:3082/healthz',
  },
} as const satisfies Record<string, Image>

export interface ImageOptions {
  /** The folder that contains the packages of this repository as they are published, by name. */
  readonly staged: string
  readonly folder: string
  /** Default: both. */
  readonly architectures?: readonly ImageArchitecture[]
  /** The files of the base for a processor. Default: those that `base-packages.json` locks. */
  readonly base?: (architecture: ImageArchitecture) => readonly Member[]
  /** Of gzip, 1 to 9. Default: 9. */
  readonly level?: number
}

/** A blob of an OCI layout by its digest. */
interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** Writes `NAME-VERSION.oci.tar`; returns its path and the digest by which registries know the image. */
export function writeImage(
  image: Image,
  { staged, folder, architectures = IMAGE_ARCHITECTURES, base = baseFiles, level = 9 }: ImageOptions,
): { readonly path: string; readonly digest: string } {
  const { version } = manifestOf(join(staged, programs[image.entry]))
  const seconds = commitSeconds()
  const created = new Date(seconds * 1_000).toISOString()
  const blobs = new Map<string, Buffer>()
  const put = (mediaType: string, content: Buffer): Descriptor => {
    const sum = sha256Of(content)
    blobs.set(sum, content)
    return { mediaType, digest: `sha256:${sum}`, size: content.length }
  }
  const putJson = (mediaType: string, value: object) => put(mediaType, Buffer.from(JSON.stringify(value)))
  const labels = {
    'org.opencontainers.image.title': image.name,
    'org.opencontainers.image.description': image.summary,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.source': manifestOf(root).repository!.url!.replace(/^git\+|\.git$/g, ''),
  }
  const shared = [systemMembers(image), programMembers(image, staged)]
  const manifests = architectures.map((architecture) => {
    const layers = [base(architecture), [nodeMember(architecture)], ...shared].map((members) => {
      const tar = tarOf(members, seconds)
      const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
      const sum = sha256Of(tar)
      return { diffId: `sha256:${sum}`, layer: put(mediaType, compressed(tar, sum, level)) }
    })
    const config = {
      architecture,
      os: 'linux',
      created,
      config: { ...settingsOf(image), Labels: labels },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: ['Debian libraries', 'Node.js', 'users and folders', image.name].map((created_by) => ({
        created,
        created_by,
      })),
    }
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: putJson('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map(({ layer }) => layer),
      annotations: labels,
    }
    return { ...putJson(manifest.mediaType, manifest), platform: { architecture, os: 'linux' } }
  })
  const indexType = 'application/vnd.oci.image.index.v1+json'
  const index = putJson(indexType, { schemaVersion: 2, mediaType: indexType, manifests, annotations: labels })
  const reference = {
    'org.opencontainers.image.ref.name': version,
    'io.containerd.image.name': `${image.name}:${version}`,
  }
  const layout: Member[] = [
    { path: 'oci-layout', content: JSON.stringify({ imageLayoutVersion: '1.0.0' }) },
    {
      path: 'index.json',
      content: JSON.stringify({
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [{ ...index, annotations: reference }],
      }),
    },
    ...[...blobs].map(([sum, content]) => ({ path: `blobs/sha256/${sum}`, content })),
  ]
  const path = join(folder, `${image.name}-${version}.oci.tar`)
  writeFileSync(path, tarOf(layout, seconds))
  return { path, digest: index.digest }
}

/** Layers that images share are compressed once. */
function compressed(tar: Buffer, sum: string, level: number): Buffer {
  const known = layers.get(`${sum} ${level}`) ?? gzipped(tar, level)
  layers.set(`${sum} ${level}`, known)
  return known
}
const layers = new Map<string, Buffer>()

/** How a container of the image runs unless it is told otherwise. */
function settingsOf({ entry, dataFolder, ports, health }: Image): object {
  const check = `fetch('${health}').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`
  return {
    User: `${USER}:${USER}`,
    Env: ['PATH=/usr/bin', 'NODE_ENV=production', `HOME=/${dataFolder}`],
    ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
    Volumes: { [`/${dataFolder}`]: {} },
    Entrypoint: [entry],
    Cmd: ['start', '--config', `/etc/mezite/${entry}.yaml`],
    StopSignal: 'SIGTERM',
    // Engines read it, although the specification of OCI leaves it out.
    Healthcheck: {
      Test: ['CMD', 'node', '-e', check],
      Interval: 10 * SECOND_NS,
      Timeout: 5 * SECOND_NS,
      StartPeriod: 30 * SECOND_NS,
    },
  }
}

const systemMembers = ({ entry, dataFolder }: Image): readonly Member[] => [
  // Debian's packages have their files below /usr, and programs name them from the root.
  { path: 'lib', link: 'usr/lib' },
  { path: 'lib64', link: 'usr/lib64' },
  {
    path: 'etc/passwd',
    content: `root:x:0:0:root:/root:/sbin/nologin\n${entry}:x:${USER}:${USER}::/${dataFolder}:/sbin/nologin\n`,
  },
  { path: 'etc/group', content: `root:x:0:\n${entry}:x:${USER}:\n` },
  { path: 'etc/nsswitch.conf', content: 'hosts: files dns\n' },
  { path: 'etc/mezite', folder: true },
  { path: 'tmp', folder: true, mode: 0o1777 },
  { path: dataFolder, folder: true, mode: 0o700, owner: USER },
]

const nodeMember = (architecture: ImageArchitecture): Member => ({
  path: 'usr/bin/node',
  content: readFileSync(nodeBinary(linuxOn(architecture))),
  mode: 0o755,
})

function programMembers(image: Image, staged: string): readonly Member[] {
  const entries = image.programs.map((program) => {
    const { name, bin } = manifestOf(join(staged, programs[program]))
    return { program, path: join('node_modules', name, bin![program]!) }
  })
  const files = programFiles(image.programs, staged).map(({ path, source }): Member => {
    const content = readFileSync(source)
    const isEntry = entries.some((entry) => entry.path === path)
    // The image has no env, which finds Node.js elsewhere.
    const text = isEntry ? content.toString().replace(/^#!.*\n/, '#!/usr/bin/node\n') : content
    return { path: join('opt/mezite', path), content: text, mode: isEntry ? 0o755 : 0o644 }
  })
  const links = entries.map(({ program, path }) => ({
    path: `usr/bin/${program}`,
    link: join('../../opt/mezite', path),
  }))
  return [...files, ...links]
}
