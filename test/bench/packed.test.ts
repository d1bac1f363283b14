import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataset } from '../../bench/dist/dataset.js'
import { packed } from '../../bench/dist/workloads/packed.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dunbar-packed-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the same messages are packed into the same bytes each time', async () => {
  const size = { feeds: 8, messages: 600, seed: 1, population: 'natural' } as const
  const { file } = await makeDataset(folder, size)
  const [one, other] = [await packed(file, size.messages), await packed(file, size.messages)]
  expect(one.shared).toEqual(other.shared)
  expect(one.dictionaryBytes).toEqual(other.dictionaryBytes)
})
