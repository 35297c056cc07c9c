/** The notes of a release: which form is for what, and what runs it before it is published. */

const HERE = '`npm run release -- --check`'
const NOT = 'nothing: this machine cannot run it'

/** A form of a release on a system, and what opens an app through it before it is published. */
const FORMS: readonly (readonly [form: string, system: string, runBy: string])[] = [
  ['npm packages', 'Linux x64 with Node.js 24', HERE],
  ['Debian packages', 'Debian 13 amd64', HERE],
  ['Debian packages', 'Debian 13 arm64', `${NOT}; the workflow's arm64 runner`],
  ['executables', 'Linux x64', HERE],
  ['executables', 'Linux arm64', `${NOT}; the workflow's arm64 runner`],
  ['executables of msh and mezctl', 'Windows x64', `${NOT}; the workflow's Windows runner starts them`],
  [
    'npm packages of msh and mezctl',
    'macOS arm64 with Node.js 24',
    `${NOT}; the workflow's Mac runner starts them`,
  ],
  [
    'executables of msh and mezctl, if they are below',
    'macOS arm64',
    "nothing here; the workflow's Mac runner makes, signs (for nobody in particular) and starts them",
  ],
  ['images', 'linux/amd64', HERE],
  ['images', 'linux/arm64', `${NOT}; the workflow's arm64 runner`],
  [
    'Helm chart',
    'Kubernetes 1.27',
    'rendered and checked against the schemas by `npm test`; no cluster runs it',
  ],
  ['Homebrew formulas', 'macOS, Linux', 'nothing: Homebrew is not on this machine'],
  ['winget manifests', 'Windows x64', 'nothing: winget is not on this machine'],
]

const UNATTESTED = `

No workflow of a forge has made these files: nobody has signed where they come from, and \`mezhub version --verify\` has no statement to
compare with.`

/** `changes` are those of the changelog, `packs` the files for npm; `attested` says whether the hub brings a signed statement along. */
export function releaseNotes(
  version: string,
  changes: string,
  packs: readonly string[],
  attested: boolean,
): string {
  const rows = FORMS.map((cells) => `| ${cells.join(' | ')} |`)
  return `# Mezite ${version}

${changes}

## Files

| form | system | what opens an app through it before it is published |
|---|---|---|
${rows.join('\n')}

\`CHECKS.md\` says what that command ran on the machine of this release. \`SHA256SUMS\` has a checksum for each file, \`sbom.cdx.json\`
what they contain, and \`vex.openvex.json\` what known vulnerabilities of that mean here. The executables for Windows and macOS
are signed only if the file says so.${attested ? '' : UNATTESTED}

${packs.length} npm packages: ${packs.join(', ')}.
`
}
