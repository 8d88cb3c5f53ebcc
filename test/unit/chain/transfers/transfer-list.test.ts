import fc from 'fast-check'
import { getAddress } from 'viem'
import { describe, expect, it } from 'vitest'
import {
  readTransferList,
  recipientsOfFile,
  totalsOf,
  totalsText,
} from '../../../../src/core/chain/transfers/transfer-list.ts'
import { exactUnits } from '../../../../src/core/platform/exact-units.ts'

const a = `0x${'ab'.repeat(20)}` as const
const b = `0x${'cd'.repeat(20)}` as const
const ofText = (text: string, each?: string) => readTransferList(recipientsOfFile(text), each)
const kai = 10n ** 18n

/** The problems that are said of a list. */
function problemsOf(text: string, each?: string): readonly string[] {
  try {
    ofText(text, each)
  } catch (error) {
    expect(error).toMatchObject({ code: 'TRANSFERS_INVALID', exit: 2 })
    return (error as { context: { problems: string[] } }).context.problems
  }
  return []
}

describe('a list of transfers', () => {
  const both = [
    { to: a, unit: 'KAI', amount: 1000n * kai },
    { to: a, unit: 'coin', amount: kai / 2n },
  ]

  it.each([`${a},1000,0.5`, `${a}=1000,0.5`, `${a} 1000 0.5`, `${a};1000;0.5`, `  ${a} = 1000 , 0.5  # host 1`])(
    'takes %s',
    text => expect(ofText(text)).toEqual(both),
  )

  it('leaves out what is empty or 0, and takes a heading, comments, empty lines and the ends of lines of Windows', () => {
    expect(ofText(`\uFEFFaddress,kai,coin\r\n\r\n# hosts\r\n${a},,0.5\r\n${b},3,0\r\n`)).toEqual([
      { to: a, unit: 'coin', amount: kai / 2n },
      { to: b, unit: 'KAI', amount: 3n * kai },
    ])
  })

  it('gives amounts to those who have none of their own', () => {
    expect(ofText(`${a}\n${b},1`, '1000,0.5')).toEqual([...both, { to: b, unit: 'KAI', amount: kai }])
  })

  it('takes a checksum that is right, and says every line that is wrong', () => {
    const mixed = getAddress(a)
    expect(ofText(`${mixed},1`)).toEqual([{ to: a, unit: 'KAI', amount: kai }])
    const wrong = mixed
      .replace(/[a-f]/, letter => letter.toUpperCase())
      .replace(/[A-F](?=[^A-F]*$)/, l => l.toLowerCase())
    expect(problemsOf(`0x12,1\n${b},1\n${wrong},1\n${a},abc\n${b},2\n${a}`)).toEqual([
      'line 1: "0x12" is not an address, or its checksum is wrong',
      `line 3: "${wrong}" is not an address, or its checksum is wrong`,
      'line 4: "abc" is not an amount, such as 0.5',
      `line 5: ${b} is named a second time, after line 2`,
      `line 6: ${a} is named a second time, after line 4`,
    ])
  })

  it.each([
    [`${a}`, 'it names no amount'],
    [`${a},0,0`, 'it names no amount'],
    [`${a},-1`, '"-1" is not an amount, such as 0.5'],
    [`${a},1e3`, '"1e3" is not an amount, such as 0.5'],
    [`${a},1,000`, '"000" is not an amount, such as 0.5'],
    [`${a},0.0000000000000000001`, '"0.0000000000000000001" is not an amount, such as 0.5'],
    [`${a},1,2,3`, 'more than an address and two amounts: "1,2,3"'],
  ])('does not take %s', (text, problem) => expect(problemsOf(text)).toEqual([`line 1: ${problem}`]))

  it('is not empty', () => {
    expect(problemsOf('# nobody\n')).toEqual(['no recipient is named'])
    expect(problemsOf(a, 'many')).toContain('--each: "many" is not an amount, such as 0.5')
  })

  it('reads any amounts to the last digit, and totals them', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 26n })
    fc.assert(
      fc.property(fc.array(fc.tuple(amount, amount), { minLength: 1, maxLength: 50 }), amounts => {
        fc.pre(amounts.every(([one, other]) => one + other > 0n))
        const lines = amounts.map(
          ([one, other], i) => `0x${(i + 1).toString(16).padStart(40, '0')},${exactUnits(one)},${exactUnits(other)}`,
        )
        expect(totalsOf(ofText(lines.join('\n')))).toEqual({
          KAI: amounts.reduce((sum, [one]) => sum + one, 0n),
          coin: amounts.reduce((sum, [, other]) => sum + other, 0n),
        })
      }),
    )
  })

  it('tells totals of either unit', () => {
    expect(totalsText({ KAI: kai, coin: 0n })).toBe('1 KAI')
    expect(totalsText({ KAI: 0n, coin: kai })).toBe('1 of the chain’s own coin')
    expect(totalsText({ KAI: kai, coin: kai / 2n })).toBe('1 KAI and 0.5 of the chain’s own coin')
  })
})
