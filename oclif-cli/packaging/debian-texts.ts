/** The texts of Debian packages: maintainer scripts, copyright, changelog, manual pages. */
import { gzipSync } from 'node:zlib'
import type { LicenseText } from './program-files.ts'

/** A service that a package installs. */
export interface Service {
  /** Of the unit and of the program. */
  readonly name: string
  /** In `/etc/mezite`, written by `init`: they may contain secrets. */
  readonly files: readonly string[]
  /** System user and group. */
  readonly user: string
  readonly dataFolder: string
  readonly description: string
}

/** Maintainer scripts work in the folder `DPKG_ROOT`, which is empty when the system itself is changed. */
export const maintainerScripts = ({
  name,
  files,
  user,
  dataFolder,
}: Service): Readonly<Record<string, string>> => ({
  postinst: `#!/bin/sh
set -e

if [ "$1" = configure ]; then
  systemd-sysusers --root="\${DPKG_ROOT:-/}" ${name}.conf
  if [ -z "$DPKG_ROOT" ]; then
    deb-systemd-helper unmask ${name}.service > /dev/null || true
    if [ -d /run/systemd/system ]; then
      systemctl --system daemon-reload > /dev/null || true
      # A service that is not running stays stopped: ${name} init writes its configuration first.
      [ -z "$2" ] || deb-systemd-invoke try-restart ${name}.service > /dev/null || true
    fi
  fi
fi
`,
  prerm: `#!/bin/sh
set -e

if [ "$1" = remove ] && [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop ${name}.service
fi
`,
  postrm: `#!/bin/sh
set -e

if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload > /dev/null || true
fi
if [ "$1" = purge ]; then
  # The user ${user} stays, so that no other user gets its number and with it files that are left.
  if [ -d "$DPKG_ROOT${dataFolder}" ]; then
    find "$DPKG_ROOT${dataFolder}" -xdev -mindepth 1 -delete
    # It may be a volume of its own.
    rmdir "$DPKG_ROOT${dataFolder}" 2> /dev/null || true
  fi
  rm -f ${files.map((file) => `"$DPKG_ROOT/etc/mezite/${file}"`).join(' ')}
  [ -n "$DPKG_ROOT" ] || ! command -v deb-systemd-helper > /dev/null || deb-systemd-helper purge ${name}.service > /dev/null || true
fi
`,
})

/** The line of sysusers.d(5) that creates the user and group of a service. */
export const systemUser = ({ user, dataFolder, description }: Service): string =>
  `u ${user} - "${description}" ${dataFolder}\n`

const APACHE = /Apache License\s+Version 2\.0/
const apache = 'The full text is in /usr/share/common-licenses/Apache-2.0.'

/** The copyright file of a package with these contents. */
export function copyright(contents: readonly LicenseText[]): string {
  const parts = contents
    .filter(({ name }) => !name.startsWith('@mezite/'))
    .map(({ name, license, text }) => `${name}: ${license}\n\n${APACHE.test(text) ? apache : text}\n`)
  const own = `Mezite is licensed under the Apache License, version 2.0. ${apache}\n`
  return [own, 'It contains these packages:\n', ...parts].join(`\n${'-'.repeat(72)}\n\n`)
}

export interface ReleaseNote {
  readonly name: string
  readonly version: string
  readonly maintainer: string
  readonly date: Date
}

/** The changelog of a package, compressed. CHANGELOG.md is the detailed one. */
export const debianChangelog = ({ name, version, maintainer, date }: ReleaseNote): Buffer =>
  zipped(
    `${name} (${version}) unstable; urgency=medium\n\n  * Release ${version}.\n\n -- ${maintainer}  ${date.toUTCString().replace('GMT', '+0000')}\n`,
  )

/** The manual page of a program: what its \`--help\` prints. */
export function manualPage(name: string, section: number, help: string, summary: string): Buffer {
  const escaped = help
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')
  return zipped(
    `.TH ${name.toUpperCase()} ${section}\n.SH NAME\n${name} \\- ${summary}\n.SH DESCRIPTION\n.nf\n${escaped.trimEnd()}\n.fi\n`,
  )
}

/** What lintian should not report about a package, and why. */
export const overrides = (name: string, comment: string, tags: readonly string[]): string =>
  [`# ${comment}`, ...tags.map((tag) => `${name}: ${tag} *`), ''].join('\n')

const zipped = (text: string): Buffer => gzipSync(text, { level: 9 })
