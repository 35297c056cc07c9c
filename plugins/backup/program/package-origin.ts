import { MezError } from '@mezite/core'
import { runNpm } from './run-npm.ts'

/**
 * Who vouches for the packages that are installed in a folder: signatures of the registry, and attestations of the build, both checked by npm. Throws
 * `MEZ_PLUGIN_CHANGED` if one is wrong.
 */
export async function originOf(staged: string): Promise<string> {
  let output: string
  try {
    output = await runNpm(
      ['audit', 'signatures', '--json', '--include-attestations', '--fetch-retries=0'],
      staged,
    )
  } catch (cause) {
    output = (cause as { stdout?: string }).stdout ?? ''
  }
  let report: {
    readonly invalid?: readonly { readonly name: string; readonly version: string }[]
    readonly missing?: readonly { readonly name: string }[]
    readonly verified?: readonly { readonly name: string; readonly attestationBundles?: unknown }[]
  }
  try {
    report = JSON.parse(output)
  } catch {
    report = {}
  }
  const { invalid, missing, verified = [] } = report
  if (invalid === undefined || missing === undefined)
    return 'npm cannot check signatures here: the registry has no keys, or cannot be reached'
  if (invalid.length > 0)
    throw new MezError(
      'MEZ_PLUGIN_CHANGED',
      `the signature or the attestation of ${invalid.map(({ name, version }) => `${name}@${version}`).join(', ')} is wrong`,
      { hint: 'Somebody has replaced it, or the registry is not the one that signed it. Do not install it.' },
    )
  const attested = verified.filter(({ attestationBundles }) => attestationBundles !== undefined)
  const signed =
    missing.length === 0
      ? 'each package has a valid signature of the registry'
      : `no signature of the registry: ${missing.map(({ name }) => name).join(', ')}`
  const built =
    attested.length === 0
      ? 'no attestation of what source it was built from'
      : `attested by its build: ${attested.map(({ name }) => name).join(', ')}`
  return `${signed}; ${built}`
}
