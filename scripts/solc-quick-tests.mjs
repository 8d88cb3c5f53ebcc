#!/usr/bin/env node
// The compiler of a change's tests. `npm run test:deep` has the one beside it, for contracts that tests make of libraries too.
import { answer, compileTestsQuickly } from './solc.mjs'

answer(compileTestsQuickly)
