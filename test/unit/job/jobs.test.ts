import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Job,
  type Jobs,
  jobBySpecHash,
  jobOf,
  jobSets,
  jobsByHash,
  jobsHash,
  jobsOf,
  jobsWith,
  jobWith,
  kindOfSpec,
  nameOfSpec,
  ownKinds,
  roundKinds,
  windowMsOf,
} from '../../../src/core/job/jobs.ts'
import { memorySpecHash, stepsLimit } from '../../../src/core/job/memory/memory-spec.ts'
import { specHash, type TensorSpec, tensorSpecs } from '../../../src/core/job/tensor/tensor-spec.ts'
import { slotKinds } from '../../../src/core/protocol/constants.ts'
import { smallJobs } from './small-spec.ts'

const names = ['devnet', 'standard'] as const
const word = (byte: string) => `0x${byte.repeat(32)}` as const
const identity = { secret: word('01'), root: word('02'), samplingBlockHash: word('03') }

describe('the jobs of a network', () => {
  it('are named by one hash, and found by it in either case', () => {
    for (const name of names) {
      const hash = jobsHash(jobSets[name])
      expect(jobsByHash(hash)).toEqual({ name, jobs: jobSets[name] })
      expect(jobsByHash(`0x${hash.slice(2).toUpperCase()}`).name).toBe(name)
    }
    // What networks were deployed with does not change under them.
    expect(names.map(name => jobsHash(jobSets[name]))).toMatchInlineSnapshot(`
      [
        "0xc59ca1409b4837417591e187ec975f80f0b8f4d0ad39856b2aea85ca2e0fd256",
        "0xcd1b019e5be70ef0304f5cb2a03eb87fa7caf7959e9b4587d5179196344e4f35",
      ]
    `)
  })

  it('have reports of a version each, beside those that there are of others', () => {
    const versions = [5, ...Object.values(ownKinds).flatMap(({ bundle }) => [bundle.version, ...(bundle.before ?? [])])]
    expect(new Set(versions).size).toBe(versions.length)
    // What a specification has and its report has not would be lost.
    const fieldsOf = (of: object): unknown =>
      Object.fromEntries(
        Object.entries(of).map(([key, value]) => [key, typeof value === 'object' ? fieldsOf(value) : 'number']),
      )
    for (const jobs of Object.values(jobSets))
      for (const kind of roundKinds) expect(ownKinds[kind]!.bundle.spec).toEqual(fieldsOf(jobs[kind]))
  })

  it('have another hash wherever one number of one kind differs', () => {
    const { tensor, memory } = jobSets.devnet
    const others: Jobs[] = [
      ...Object.entries(tensor).map(([key, value]) => ({
        ...jobSets.devnet,
        tensor: { ...tensor, [key]: key === 'weights' ? 4 : 2 * value },
      })),
      ...Object.entries(memory)
        .filter(([key]) => key !== 'windowMs')
        .map(([key, value]) => jobsOf(tensor, { ...memory, [key]: key === 'markMs' ? value / 2 : 2 * value }, 250, 30)),
      jobsOf(tensor, { ...memory, windowMs: 2 * memory.windowMs }, 250, 30),
      jobsOf(tensor, memory, 500, 30),
      jobsOf(tensor, memory, 250, 31),
      { ...jobSets.devnet, beat: { ...jobSets.devnet.beat, samples: 5 } },
    ]
    const hashes = [jobSets.devnet, ...others].map(jobsHash)
    expect(new Set(hashes).size).toBe(4 + Object.keys(tensor).length + Object.keys(memory).length)
  })

  it('that this release does not know are refused, with what to do; a job of a kind is not a network’s', () => {
    for (const hash of [word('12'), specHash(jobSets.devnet.tensor), memorySpecHash(jobSets.devnet.memory)])
      expect(() => jobsByHash(hash)).toThrow(
        expect.objectContaining({ code: 'JOB_SPEC_UNKNOWN', fix: expect.stringContaining('Update kaisar') }),
      )
  })

  it('have one window for every kind of a slot', () => {
    for (const name of names)
      for (const kind of slotKinds) expect(jobOf(jobSets[name], kind).spec.windowMs).toBe(windowMsOf(jobSets[name]))
  })
})

describe('the job of a round', () => {
  it('is found by the hash that its offer names, whichever kind it is', () => {
    for (const name of names)
      for (const kind of roundKinds) {
        const job = jobOf(jobSets[name], kind)
        expect(jobBySpecHash(jobSets[name], job.specHash)).toMatchObject({ kind, spec: jobSets[name][kind] })
        expect(kindOfSpec(job.specHash)).toBe(kind)
        expect(nameOfSpec(job.specHash)).toBe(name)
        expect(jobWith(kind, job.spec)).toMatchObject({ kind, spec: job.spec, specHash: job.specHash })
        const jobs = jobsWith(kind, job.spec)
        expect(jobs[kind]).toBe(job.spec)
        // A beat is recomputed by the engine of memory rounds.
        if (kind === 'beat') expect(jobs.memory).toBe(jobs.beat.memory)
      }
    expect(jobBySpecHash(jobSets.devnet, jobOf(jobSets.standard, 'tensor').specHash)).toBeNull()
    // Records and bundles may be older, rounds may not.
    const spec: TensorSpec = { ...tensorSpecs.devnet, version: 1 }
    const { specHash: before } = jobWith('tensor', spec)
    expect([kindOfSpec(before), nameOfSpec(before)]).toEqual(['tensor', 'devnet'])
    expect(jobBySpecHash(jobSets.devnet, before)).toBeNull()
    const { specHash: own } = jobOf(smallJobs, 'memory')
    expect([kindOfSpec(own), nameOfSpec(own)]).toEqual([null, null])
  })

  it('says what its kind is called and counted in, and no two kinds of a slot have a figure of one name', () => {
    const jobs = roundKinds.map(kind => jobOf(jobSets.devnet, kind))
    expect(jobs.map(({ kind, unit, guess }) => [kind, unit, guess])).toEqual([
      ['tensor', 'row', 0],
      ['memory', 'step', 1 / 128],
      ['beat', 'step', 1 / 128],
    ])
    expect(roundKinds).toEqual([...slotKinds, 'beat'])
    const figures = jobs.slice(0, slotKinds.length).flatMap(job => Object.keys(job.figures))
    expect(new Set(figures).size).toBe(figures.length)
  })

  it('has a mark after each part of the window but the last, and tensor rounds have none', () => {
    const due = (job: Job, indices: number[]) => indices.map(index => job.markDueMs(index))
    expect(due(jobOf(jobSets.standard, 'memory'), [0, 1, 8, 9, 10, 255])).toEqual([1000, 2000, 9000, null, null, null])
    expect(due(jobOf(jobSets.devnet, 'memory'), [0, 1])).toEqual([null, null])
    for (const name of names)
      for (const kind of ['tensor', 'beat'] as const)
        expect(due(jobOf(jobSets[name], kind), [0, 255])).toEqual([null, null])
  })

  it('draws distinct places in ascending order for every number of units that can be signed, or none, and ends', () => {
    const units = fc.oneof(fc.nat(40), fc.bigInt(0n, 2n ** 64n - 1n).map(Number), fc.constant(2 ** 64))
    for (const kind of roundKinds)
      for (const jobs of [smallJobs, jobSets.standard]) {
        const { sample, spec } = jobOf(jobs, kind)
        fc.assert(
          fc.property(units, fc.nat(1000), (count, nonce) => {
            const places = sample(count, { ...identity, secret: `0x${nonce.toString(16).padStart(64, '0')}` })
            // More steps than any window can hold are refused by the verifier, and nothing is drawn of them.
            const isPossible = kind === 'tensor' || count <= stepsLimit
            expect(places).toHaveLength(isPossible ? Math.min(count, spec.samples) : 0)
            expect(places).toEqual([...new Set(places)].sort((a, b) => a - b))
            const width = kind === 'tensor' ? 1 : jobs.memory.width
            for (const place of places) expect(Math.floor(place / width)).toBeLessThan(count)
          }),
          { numRuns: 100 },
        )
      }
  })
})
