import type { Capture } from './observation.ts'

/** A command echoed before its output: `# $ nvidia-smi -q` in capture files, `$ nvidia-smi`, `root@host:~# nvidia-smi` in pastes. */
const captured = /^#\s*\$\s*(\S.*?)\s*$/
const prompted =
  /^(?:\S{0,64}[$#>]|\[[^\]]{1,64}\][$#])\s*((?:sudo\s+)?(?:nvidia-smi|amd-smi|rocm-smi|xpu-smi|dmesg|journalctl|lspci|cat\s+\/proc\/driver)\b.*?)\s*$/
const rule = /^#{20,}\s*$/

/** Commands whose output describes no card, or describes tools: field names and sentences in it mean nothing. */
const silent =
  /(?:^|\s)(?:-h|--help\S*|--version|topo|nvlink|pmon|dmon|readelf|--query-(?:compute-apps|accounted-apps|retired-pages|remapped-rows|supported-clocks)\S*)(?:\s|=|$)/

/** Cuts a file with several commands' outputs into one capture per command; other files stay whole. */
export function splitCaptures(whole: Capture): Capture[] {
  const sections: { command: string | null; lines: string[] }[] = [{ command: whole.command, lines: [] }]
  for (const line of whole.text.split('\n')) {
    const bare = line.endsWith('\r') ? line.slice(0, -1) : line
    const command =
      bare.length > 65_536 ? null : (captured.exec(bare) ?? (bare.length < 1024 ? prompted.exec(bare) : null))?.[1]
    if (command) sections.push({ command, lines: [] })
    else if (!rule.test(bare)) sections.at(-1)!.lines.push(line)
  }
  if (sections.length === 1) return [whole]
  return sections
    .filter(({ command }) => command === null || !silent.test(command))
    .map(({ command, lines }) => ({ ...whole, command, text: lines.join('\n') }))
    .filter(({ text }) => text.trim() !== '')
}
