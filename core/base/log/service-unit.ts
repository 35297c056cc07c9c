/** A program that a service manager runs. */
export type ServiceName = 'mezhub' | 'mezd'

interface Service {
  readonly description: string
  /** System user and group. */
  readonly user: string
  /** Below `/var/lib`. */
  readonly stateFolder: string
  readonly rights: string
  readonly users: string
  readonly deadlines: string
  readonly restart: string
}

const SERVICES: Readonly<Record<ServiceName, Service>> = {
  mezhub: {
    description: 'Mezite hub',
    user: 'mezite',
    stateFolder: 'mezite',
    rights: 'AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n',
    users: '',
    deadlines: `# Migrations of a large database take their time.
TimeoutStartSec=10min
# Longer than proxy.shutdown_delay and shutdown_grace together, so that live streams can end.
TimeoutStopSec=40s
`,
    restart: 'Restart=on-failure\nRestartSec=1s\n',
  },
  mezd: {
    description: 'Mezite agent',
    user: 'mezite-agent',
    stateFolder: 'mezite-agent',
    rights: '',
    users: 'PrivateUsers=yes\n',
    deadlines: 'TimeoutStopSec=40s\n',
    restart: `# mezd exits 1 only on a refused token or pin, and retries everything else by itself.
Restart=on-failure
RestartSec=5s
`,
  },
}

/** The system user of a service, and its data directory. */
export const serviceUser = (name: ServiceName): { readonly user: string; readonly dataDir: string } => ({
  user: SERVICES[name].user,
  dataDir: `/var/lib/${SERVICES[name].stateFolder}`,
})

/** A unit of systemd.service(5) for a command line, which systemd splits at spaces. */
export function systemdUnit(name: ServiceName, command: string): string {
  const { description, user, stateFolder, rights, users, deadlines, restart } = SERVICES[name]
  return `[Unit]
Description=${description}
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
# systemd-notify, a child process, reports that the service is ready and that it stops.
NotifyAccess=all
ExecStart=${command}
User=${user}
StateDirectory=${stateFolder}
StateDirectoryMode=0700
${rights}NoNewPrivileges=yes
${rights === '' ? 'CapabilityBoundingSet=\n' : ''}ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
${users}UMask=0077
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
# Netlink lists the addresses of the machine. MemoryDenyWriteExecute is missing because V8 compiles at run time.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
LimitNOFILE=65536
# Memory contains keys and sessions, which must not reach a disk.
LimitCORE=0
MemorySwapMax=0
# Only the program gets SIGTERM; it stops the Node.js that it may have started.
KillMode=mixed
${deadlines}${restart}
[Install]
WantedBy=multi-user.target
`
}

const xml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A daemon of launchd.plist(5) that starts with the machine and again after a failure. */
export function launchdPlist(name: ServiceName, command: readonly string[]): string {
  const { stateFolder } = SERVICES[name]
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>dev.mezite.${name}</string>
  <key>ProgramArguments</key>
  <array>
${command.map((word) => `    <string>${xml(word)}</string>`).join('\n')}
  </array>
  <key>UserName</key>
  <string>_${SERVICES[name].user.replaceAll('-', '_')}</string>
  <key>WorkingDirectory</key>
  <string>/var/lib/${stateFolder}</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ExitTimeOut</key>
  <integer>40</integer>
  <key>SoftResourceLimits</key>
  <dict>
    <key>NumberOfFiles</key>
    <integer>65536</integer>
  </dict>
  <key>StandardErrorPath</key>
  <string>/var/log/${name}.log</string>
</dict>
</plist>
`
}
