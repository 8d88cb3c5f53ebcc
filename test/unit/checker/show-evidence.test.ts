import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { createShowEvidence } from '../../../src/core/checker/epoch/show-evidence.ts'

const id = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const path = (epoch: number, n: number) => `/evidence/${epoch}/${id(n)}`

/** A seat of epoch 3 that has devices below 1,000, and says what it was asked for. */
function scene() {
  const made: string[] = []
  let nowMs = 0
  const show = createShowEvidence({
    seatOf: epoch =>
      epoch !== 3
        ? null
        : {
            shows: deviceId => BigInt(deviceId) < 1_000n,
            evidenceOf(deviceId) {
              made.push(deviceId)
              return { epoch, deviceId, rounds: [] }
            },
          },
    now: () => nowMs,
  })
  return { show, made, wait: (ms: number) => (nowMs += ms) }
}

it('a seat shows the devices of an epoch that it has, and makes each answer once', () => {
  const { show, made } = scene()
  const answer = show(path(3, 7))!
  expect(JSON.parse(Buffer.from(answer).toString())).toMatchObject({ epoch: 3, deviceId: id(7) })
  expect(show(path(3, 7))).toBe(answer)
  expect(made).toEqual([id(7)])
  expect(show(path(3, 1_000))).toBeNull()
  for (const other of [path(4, 7), '/evidence/3', `/evidence/${id(7)}`, `/evidence/03/${id(7)}`, `${path(3, 7)}/x`, ''])
    expect(show(other)).toBeNull()
  expect(made).toEqual([id(7)])
})

it('a stranger who asks for what is not there takes nothing from who asks for what is', () => {
  const { show } = scene()
  for (let i = 0; i < 500; i++) expect(show(path(3, 1_000 + i))).toBeNull()
  expect(show(path(3, 7))).not.toBeNull()
})

it('whoever asks for many devices makes a seat work no faster than two of them a second', () => {
  const { show, made, wait } = scene()
  for (let i = 0; i < 500; i++) show(path(3, i))
  expect(made).toHaveLength(64)
  expect(show(path(3, 0)), 'what is there already costs nothing').not.toBeNull()
  wait(5_000)
  for (let i = 64; i < 500; i++) show(path(3, i))
  expect(made).toHaveLength(74)
})
