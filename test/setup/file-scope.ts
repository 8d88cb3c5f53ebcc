import { onTestFinished, TestRunner } from 'vitest'

type End = () => unknown

const ends: End[] = []

/** Ends what was started when the running test is over; outside of a test (a hook, the top of a file), when its file is. */
export function endWithScope(end: End): void {
  // An `afterAll` that is called while a test or a hook runs is never heard of again.
  if (TestRunner.getCurrentTest() === undefined) ends.push(end)
  else onTestFinished(async () => void (await end()))
}

/** Ends what a file started, the latest first. */
export async function endFile(): Promise<void> {
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end()
}
