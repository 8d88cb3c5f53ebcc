#!/usr/bin/env node
// Changes one operator at a time in the arithmetic of the contracts, in a copy, and expects a test to fail.
// Prints one line per mutant; a survivor ends it with exit code 1. Arguments choose files by a part of their name.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forgePath } from './forge.mjs'

const mutants = [
  [
    'libraries/PackedMedian.sol',
    'let g := and(sub(or(x, top), y), top)',
    'let g := and(add(or(x, top), y), top)',
    'Tally',
  ],
  [
    'libraries/PackedMedian.sol',
    't := and(xor(x, y), sub(g, shr(15, g)))',
    't := and(xor(x, y), sub(g, shr(14, g)))',
    'Tally',
  ],
  [
    'libraries/PackedMedian.sol',
    'return (carry & carry2) | ((carry ^ carry2) & one);',
    'return (carry & carry2) | (carry ^ carry2);',
    'Tally',
  ],
  ['libraries/PackedMedian.sol', 'd |= d >> 1;', 'd |= d >> 3;', 'Tally'],
  [
    'libraries/PackedMedian.sol',
    '0x58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef;',
    '0x58ee58ee58ee58ee58ee58ee58ee58ee58ee58ee58ee58ee58ee58ee58ee58ee;',
    'Tally',
  ],
  ['libraries/Minifloat.sol', '<< (exponent - 1)', '<< exponent', 'Tally'],
  ['libraries/Silence.sol', '(judged & ~earned & ~full)', '(judged & ~earned)', 'Tally'],
  [
    'libraries/Tally.sol',
    'result.scored = majority & majority >> 1 & majority >> 2 & judged;',
    'result.scored = majority & majority >> 2 & judged;',
    'Tally',
  ],
  [
    'libraries/Standings.sol',
    'standing := add(standing, sdiv(sub(credit, standing), 4))',
    'standing := add(standing, sdiv(sub(credit, standing), 2))',
    'Tally',
  ],
  [
    'libraries/Standings.sol',
    'if standing { next := add(standing, sdiv(sub(credit, standing), 4)) }',
    'if standing { next := add(standing, div(sub(credit, standing), 4)) }',
    'Tally',
  ],
  [
    'libraries/Standings.sol',
    'sums.presentDelta = int256(cursor.total >> 128) - int256(sums.caps);',
    'sums.presentDelta = int256(cursor.total >> 128) + int256(sums.caps);',
    'Tally',
  ],
  ['libraries/Standings.sol', 'case 0 { part := add(part, cap) }', 'case 0 { part := part }', 'Tally'],
  [
    'libraries/Standings.sol',
    'if (members[2] >> lane & 1 == 0) sums.followingDelta -= move;',
    'if (members[1] >> lane & 1 == 0) sums.followingDelta -= move;',
    'Tally',
  ],
  [
    'libraries/Frozen.sol',
    'if (epoch >= uint32(word >> 96)) return uint32(word >> 64);',
    'if (epoch > uint32(word >> 96)) return uint32(word >> 64);',
    'SeatList',
  ],
  [
    'libraries/Frozen.sol',
    'if (epoch >= uint32(word >> 192)) return uint64(word);',
    'if (epoch > uint32(word >> 192)) return uint64(word);',
    'SeatList',
  ],
  ['libraries/Frozen.sol', '(word << 64) | (from << 32) | value', '(word << 32) | (from << 32) | value', 'SeatList'],
  ['libraries/Frozen.sol', 'if (epoch >= word >> 224)', 'if (epoch > word >> 224)', 'SeatList'],
  ['libraries/SeatList.sol', 'owner := and(owner, 0xffffffff)', 'owner := owner', 'SeatList'],
  ['libraries/SeatList.sol', 'if (steps == count) return', 'if (steps + 1 == count) return', 'SeatList'],
  ['libraries/SeatList.sol', 'list.rank[position] = rank;', 'list.rank[position] = rank + 1;', 'SeatList'],
  ['libraries/MerklePath.sol', 'index := shr(1, index)', 'index := shr(2, index)', 'MerklePath'],
  ['libraries/MerklePath.sol', '1 << levels < leaves', '1 << levels <= leaves', 'MerklePath'],
  ['libraries/Records.sol', 'mul(7, i)', 'mul(6, i)', 'Actors|Consensus'],
  ['libraries/Records.sol', '~LANES_MASK | lanes << LANES_SHIFT', '~LANES_MASK & lanes << LANES_SHIFT', 'Actors'],
  ['libraries/RuleBounds.sol', 'if (sum >= epochSeconds)', 'if (sum > epochSeconds)', 'Actors'],
  ['libraries/Tokens.sol', '!= before + amount', '!= before - amount', 'Actors'],
  ['libraries/Sums.sol', 's.openCaps << 72', 's.openCaps << 71', 'Consensus|Actors'],
  [
    'base/Totals.sol',
    'next == sums.next + 1 ? sums.present : sums.following',
    'next == sums.next + 1 ? sums.following : sums.present',
    'Consensus|Actors',
  ],
  ['base/Lanes.sol', 'sums.following -= Standings.capOf', 'sums.following += Standings.capOf', 'Campaign|Actors'],
  ['EpochConsensus.sol', 'totals.openCaps -= sums.caps;', 'totals.openCaps -= sums.credits;', 'Consensus|Invariants'],
  [
    'base/EpochExtension.sol',
    'LibBit.popCount(session.committed) < QUORUM',
    'LibBit.popCount(session.committed) <= QUORUM',
    'Consensus',
  ],
  [
    'RewardVault.sol',
    'let amount := div(mul(pool, credit), denominator)',
    'let amount := div(mul(pool, denominator), credit)',
    'Actors',
  ],
  ['RewardVault.sol', 'if gt(amount, most) { amount := most }', 'if lt(amount, most) { amount := most }', 'Actors'],
  ['RewardVault.sol', 'agreed[i] / money.drawnLanes', 'agreed[i] * 2 / money.drawnLanes', 'Loop|Actors'],
  ['CheckerSeats.sol', 'slashBps + 9_999) / 10_000', 'slashBps) / 10_000', 'Slashing'],
  ['KaisarToken.sol', 'balance_ := sub(balance_, amount)', 'balance_ := sub(balance_, 0)', 'Token'],
]
const root = fileURLToPath(new URL('..', import.meta.url))
const base = mkdtempSync(join(tmpdir(), 'kaisar-mutants-'))
/** A copy of what is named; the light one holds the arithmetic alone and compiles in seconds. */
const copy = (name, paths) => {
  for (const path of ['foundry.toml', 'scripts', ...paths])
    cpSync(join(root, path), join(base, name, path), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(base, name, 'node_modules'))
  return join(base, name)
}
const light = copy('light', [
  'contracts/src/libraries',
  'contracts/src/interfaces',
  'contracts/test/Tally.t.sol',
  'contracts/test/reference/ScalarTally.sol',
])
const full = copy('full', ['contracts'])
const forge = (folder, match) => {
  const env = {
    ...process.env,
    // Tests that name a count of their own take the full one.
    FOUNDRY_PROFILE: 'deep',
    FOUNDRY_FUZZ_RUNS: '300',
    FOUNDRY_INVARIANT_RUNS: '16',
    FOUNDRY_DENY: 'never',
  }
  const args = ['test', '--match-path', `contracts/test/**/{${match.split('|').join(',')}}.t.sol`]
  return spawnSync(forgePath(), args, {
    cwd: folder,
    encoding: 'utf8',
    env,
    maxBuffer: 1 << 28,
  })
}
const parts = process.argv.slice(2)
const chosen = mutants.filter(([file]) => parts.length === 0 || parts.some(part => file.includes(part)))
let survivors = 0
for (const [file, from, to, tests] of chosen) {
  const folder = tests === 'Tally' ? light : full
  const path = join(folder, 'contracts/src', file)
  const source = readFileSync(path, 'utf8')
  if (!source.includes(from)) throw new Error(`${file} no longer holds "${from}".`)
  writeFileSync(path, source.replace(from, to))
  const { stdout } = forge(folder, tests)
  writeFileSync(path, source)
  const failing = stdout.match(/\[FAIL.*\] ((?:test|invariant|setUp)\w*)/)?.[1]
  const outcome = failing ? `killed by ${failing}` : stdout.includes('[PASS]') ? 'SURVIVED' : 'NOT RUN'
  if (!failing) survivors += 1
  process.stdout.write(`${file}: ${from}  →  ${to}: ${outcome}\n`)
}
rmSync(base, { recursive: true })
process.stdout.write(`${chosen.length - survivors} of ${chosen.length} mutants killed\n`)
if (survivors > 0) process.exitCode = 1
