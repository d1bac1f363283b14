import { DatasetCensus, type DatasetMessage, describeDataset } from '@dunbar/testkit'
import { expect, test } from 'vitest'

const message = (key: string, author: string, content: unknown, timestamp = 1): DatasetMessage => ({
  key,
  value: { author, content },
  timestamp,
})

const messages = [
  message('%r', '@a', { type: 'post' }, 5),
  message('%1', '@b', { type: 'post', root: '%r' }, 7),
  message('%2', '@b', { type: 'post', root: '%1', fork: '%r' }),
  message('%3', '@b', { type: 'vote' }),
  message('%4', '@a', 'AAAA.box'),
]

test('finds the largest thread and feed and counts by type', () => {
  const facts = describeDataset(messages)
  expect(facts).toMatchObject({
    messages: 5,
    feeds: 2,
    countByType: { post: 3, vote: 1, private: 1 },
    largestFeed: { id: '@b', messages: 3 },
    largestThread: { root: '%r', messages: 3, authors: 2 },
    firstReceived: 1,
    lastReceived: 7,
  })
})

test('takes bytes, text and values for the same', () => {
  const texts = messages.map((one) => ({ ...one, value: JSON.stringify(one.value) }))
  const bytes = texts.map((one) => ({ ...one, value: Buffer.from(one.value) }))
  expect(describeDataset(texts)).toEqual(describeDataset(messages))
  expect(describeDataset(bytes)).toEqual(describeDataset(messages))
})

test('an empty data set has no largest of anything', () => {
  expect(new DatasetCensus().facts()).toMatchObject({
    messages: 0,
    meanSizeBytes: 0,
    largestFeed: null,
    largestThread: null,
    firstReceived: 0,
  })
})
