import { expect, it } from 'vitest'
import { defineErrors } from '../../../src/core/platform/errors.ts'
import { nearestName } from '../../../src/core/platform/nearest-name.ts'
import { failureEnvelope, formatError, stringifyJson, successEnvelope } from '../../../src/core/platform/output.ts'

const errors = defineErrors({
  TEST_OUTPUT: {
    message: ({ device, amount }: { device: string; amount: bigint }) => `Device ${device} is owed ${amount}.`,
    meaning: 'It was not paid.',
    fix: 'Pay it.',
    exit: 4,
  },
})

it('the envelope has every field, on success and on failure', () => {
  expect(
    JSON.parse(
      stringifyJson(successEnvelope({ wei: 2n ** 70n, none: undefined, map: new Map([['a', 1n]]) }, ['careful'])),
    ),
  ).toEqual({
    schemaVersion: 1,
    success: true,
    data: { wei: '1180591620717411303424', none: null, map: { a: '1' } },
    errors: [],
    warnings: ['careful'],
  })
  const error = errors.TEST_OUTPUT({ device: '0xab', amount: 5n })
  expect(JSON.parse(stringifyJson(failureEnvelope(error)))).toEqual({
    schemaVersion: 1,
    success: false,
    data: null,
    errors: [
      {
        code: 'TEST_OUTPUT',
        message: 'Device 0xab is owed 5.',
        meaning: 'It was not paid.',
        fix: 'Pay it.',
        help: 'kaisar help TEST_OUTPUT',
        context: { device: '0xab', amount: '5' },
      },
    ],
    warnings: [],
  })
})

it('an error is printed with what happened, the reason, the fix, and where to read on', () => {
  expect(formatError(errors.TEST_OUTPUT({ device: '0xab', amount: 5n }))).toBe(
    [
      'Error [TEST_OUTPUT] Device 0xab is owed 5.',
      '  Why  It was not paid.',
      '  Fix  Pay it.',
      '  More kaisar help TEST_OUTPUT',
    ].join('\n'),
  )
})

it.each([
  ['lsit', 'list'],
  ['devnt', 'devnet'],
  ['contxt', 'context'],
  ['exp', 'export-address'],
  ['zzz', undefined],
  ['', undefined],
])('the mistyped name %j is taken for %j', (typed, meant) => {
  expect(nearestName(typed, ['list', 'devnet', 'context', 'export-address'])).toBe(meant)
})
