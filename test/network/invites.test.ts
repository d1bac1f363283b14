import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { expect, onTestFinished, test } from 'vitest'
import { feedUpTo } from '../fixtures/peers.js'
import { dunbarJson, dunbarPrints, dunbarRefuses, startNodeProgram } from '../fixtures/program.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** A pub, and guests who bring its invites. */

const startPub = (folder: string) => {
  const path = join(folder, 'pub')
  const options = { environment: { DUNBAR_EXTERNAL: '127.0.0.1' } }
  mkdirSync(path)
  writeFileSync(join(path, 'config.json'), '{"network": {"allowPrivate": true}}')
  return startNodeProgram(path, [], options)
}

test('an invite makes pub and guest follow each other, as often as it may be used', async () => {
  const folder = temporaryFolder()
  const pub = await startPub(folder)
  const guest = await startNodeProgram(join(folder, 'guest'))
  const words = ['invite', 'create', '--uses', '2', '--note', 'welcome', '--path', pub.ready.path]
  const [made] = await dunbarJson<{ invite: string; uses: number }>(words)
  expect(made).toEqual({
    invite: expect.stringMatching(/^127\.0\.0\.1:\d+:@.{44}\.ed25519~/),
    uses: 2,
  })
  const accept = ['invite', 'accept', made!.invite]

  expect(await dunbarJson([...accept, '--path', guest.ready.path])).toEqual([{ pub: pub.ready.id }])
  const toGuest = await connect({ path: guest.ready.path })
  const toPub = await connect({ path: pub.ready.path })
  onTestFinished(async () => {
    await Promise.all([toGuest.close(), toPub.close()])
  })
  const [welcome] = await feedUpTo(toGuest.peer, pub.ready.id, 1)
  expect(welcome!.value.content).toMatchObject({ contact: guest.ready.id, note: 'welcome' })
  const [follows] = await feedUpTo(toPub.peer, guest.ready.id, 2)
  expect(follows!.value.content).toMatchObject({ contact: pub.ready.id, following: true })

  // Without a running node the guest's folder is opened by the command.
  const other = join(folder, 'other')
  expect(await dunbarPrints([...accept, '--path', other])).toBe(
    `accepted; following ${pub.ready.id}\n`,
  )
  expect(await dunbarRefuses([...accept, '--path', join(folder, 'third')])).toMatch(
    /^the pub (?:did not take the invite|can't be reached with this invite): /,
  )
})

test('what is no invite, and an invite where others could not reach the node, are refused in one sentence', async () => {
  const folder = temporaryFolder()
  const node = await startNodeProgram(join(folder, 'node'))
  const at = ['--path', node.ready.path]
  expect(await dunbarRefuses(['invite', 'create', ...at])).toMatch(/no public address/)
  expect(await dunbarRefuses(['invite', 'create', '--uses', '0', ...at])).toBe(
    '--uses needs a whole number from 1',
  )
  expect(await dunbarRefuses(['invite', 'create', '--path', join(folder, 'none')])).toMatch(
    /^no node runs on /,
  )
  expect(await dunbarRefuses(['invite', 'accept', 'nonsense', ...at])).toMatch(/no invite code/)
  expect(await dunbarRefuses(['invite', 'accept', ...at])).toMatch(/invite accept CODE/)
})
