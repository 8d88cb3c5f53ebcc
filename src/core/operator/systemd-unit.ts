/** A hardened systemd unit for a daemon. Pure: what it is for is given. */

export type Accelerator = 'nvidia' | 'amd' | 'intel'

export type SystemdUnitOptions = {
  readonly role: 'provider' | 'checker'
  /** Node, and the entry of this program. */
  readonly node: string
  readonly entry: string
  /** Configuration file of the daemon. */
  readonly settings: string
  /** Where the key is: opened by the password in a file that only systemd reads, or in a signer whose URL is in such a file. */
  readonly key: { readonly passwordFile: string } | { readonly signerFile: string }
  /** Cards whose device nodes it needs. */
  readonly accelerators: readonly Accelerator[]
}

const deviceNodes: Record<Accelerator, readonly string[]> = {
  nvidia: ['char-nvidia-frontend', 'char-nvidia', 'char-nvidia-uvm', 'char-nvidia-caps'],
  amd: ['/dev/kfd', 'char-drm'],
  intel: ['char-drm'],
}

/** A first signal lets it finish open rounds for 30 s; a second one ends it. */
const stopSeconds = 45

export function systemdUnit(options: SystemdUnitOptions): string {
  const { role, node, entry, settings, key, accelerators } = options
  const name = `kaisar-${role}`
  // A service must not need a home folder; where the program lives in one, it can only be looked at.
  const inHome = [node, entry].some(path => /^\/(home|root|run\/user)\//.test(path))
  const nodes = [...new Set(accelerators.flatMap(each => deviceNodes[each]))]
  const groups = accelerators.some(each => each !== 'nvidia') ? ['SupplementaryGroups=render'] : []
  const sections = {
    Unit: [
      `Description=Kaisar ${role === 'provider' ? 'Provider: proves the work of this machine' : 'Checker: judges the work of Providers'}`,
      'Wants=network-online.target',
      'After=network-online.target time-sync.target',
      'StartLimitIntervalSec=600',
      'StartLimitBurst=20',
    ],
    Service: [
      'Type=exec',
      `ExecStart=${[node, entry, role, 'run', '--config', settings, '--data-dir', `%S/${name}`].map(quote).join(' ')}`,
      '# What is wrong with the settings does not become right by trying again.',
      'Restart=on-failure',
      'RestartSec=5',
      'RestartPreventExitStatus=2',
      `TimeoutStopSec=${stopSeconds}`,
      'DynamicUser=yes',
      `StateDirectory=${name}`,
      'StateDirectoryMode=0700',
      `CacheDirectory=${name}`,
      'Environment=KAISAR_SKIP_BUILD=1',
      '# The network is among the settings, where the service can change nothing.',
      'Environment=KAISAR_CONTEXT_HOME=/etc/kaisar',
      `Environment=XDG_DATA_HOME=%S XDG_CACHE_HOME=%C/${name} NODE_COMPILE_CACHE=%C/${name}/node`,
      ...('signerFile' in key
        ? ['# The URL of the signer may hold a password: only systemd reads it.', `EnvironmentFile=${key.signerFile}`]
        : [
            '# The password reaches the process and nobody else.',
            `LoadCredential=kaisar-password:${key.passwordFile}`,
          ]),
      'LimitNOFILE=65536',
      'UMask=0077',
      '',
      'NoNewPrivileges=yes',
      'CapabilityBoundingSet=',
      'AmbientCapabilities=',
      'ProtectSystem=strict',
      `ProtectHome=${inHome ? 'read-only' : 'yes'}`,
      'PrivateTmp=yes',
      ...(nodes.length === 0
        ? ['PrivateDevices=yes']
        : ['DevicePolicy=closed', ...nodes.map(each => `DeviceAllow=${each} rw`), ...groups]),
      'ProtectClock=yes',
      'ProtectControlGroups=yes',
      'ProtectHostname=yes',
      'ProtectKernelLogs=yes',
      'ProtectKernelModules=yes',
      'ProtectKernelTunables=yes',
      'ProtectProc=invisible',
      'RemoveIPC=yes',
      'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
      'RestrictNamespaces=yes',
      'RestrictRealtime=yes',
      'RestrictSUIDSGID=yes',
      'LockPersonality=yes',
      'SystemCallArchitectures=native',
      'SystemCallFilter=@system-service',
      'SystemCallErrorNumber=EPERM',
      '# JavaScript is compiled while it runs.',
      'MemoryDenyWriteExecute=no',
    ],
    Install: ['WantedBy=multi-user.target'],
  }
  return Object.entries(sections)
    .map(([title, lines]) => `[${title}]\n${lines.join('\n')}\n`)
    .join('\n')
}

/** systemd splits at spaces and reads % as a specifier; only our own %S is one. */
const quote = (word: string): string => {
  const escaped = word.startsWith('%S/') ? word : word.replaceAll('%', '%%')
  return /[\s"'\\$]/.test(escaped) ? `"${escaped.replaceAll(/["\\]/g, '\\$&').replaceAll('$', '$$$$')}"` : escaped
}

/** The cards whose device nodes are there. */
export const acceleratorsOf = (exists: (path: string) => boolean): Accelerator[] => [
  ...(exists('/dev/nvidiactl') ? (['nvidia'] as const) : []),
  ...(exists('/dev/kfd')
    ? (['amd'] as const)
    : exists('/dev/dri/renderD128') && !exists('/dev/nvidiactl')
      ? (['intel'] as const)
      : []),
]
