import { accessSync, constants } from 'node:fs'

/** Programs that are not ours, with the Debian package that each comes from. */
const PACKAGES = {
  apache2: 'apache2 libapache2-mod-auth-openidc',
  caddy: 'caddy',
  nginx: 'nginx',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  'ssh-keygen': 'openssh-client',
  h2load: 'nghttp2-client',
  perl: 'perl',
  unshare: 'util-linux',
  ip: 'iproute2',
  'redis-server': 'redis-server',
  'redis-benchmark': 'redis-tools',
} as const

export type Needed = keyof typeof PACKAGES

const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']

/** Where the program is; null when it is not installed. */
export function findProgram(name: Needed): string | null {
  for (const folder of FOLDERS) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK)
      return `${folder}/${name}`
    } catch {}
  }
  return null
}

/** What is missing of these, as one line that says how to get it; null when nothing is. */
export function missingPrograms(names: readonly Needed[]): string | null {
  const missing = names.filter((name) => findProgram(name) === null)
  if (missing.length === 0) return null
  const packages = [...new Set(missing.map((name) => PACKAGES[name]))]
  return `${missing.join(', ')} missing: apt-get install -y --no-install-recommends ${packages.join(' ')}`
}
