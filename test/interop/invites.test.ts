import { expect, test } from 'vitest'
import { newNetworkKey, startDunbar, startPeer } from './pair.js'

test('an invite that ssb-server made is accepted by dunbar', async () => {
  const networkKey = newNetworkKey()
  const [ours, theirs] = await Promise.all([
    startDunbar(networkKey),
    startPeer('ssb-server', networkKey),
  ])
  await ours.peer.call('invite.accept', [await theirs.createInvite(1)])
  // The pub follows, we follow the pub, and each has the other's feed.
  const [contact] = await ours.feedUpTo(theirs.id, 1)
  expect(contact?.value.content).toMatchObject({
    type: 'contact',
    contact: ours.id,
    following: true,
    pub: true,
  })
  await theirs.holds(ours.id, 2)
})

test('an invite that ssb-server made serves one node as often as it says', async () => {
  const networkKey = newNetworkKey()
  const theirs = await startPeer('ssb-server', networkKey)
  const code = await theirs.createInvite(1)
  const first = await startDunbar(networkKey)
  await first.peer.call('invite.accept', [code])
  const second = await startDunbar(networkKey)
  await expect(second.peer.call('invite.accept', [code])).rejects.toThrow()
})

test('an invite that dunbar made is accepted by the ssb-db2 stack', async () => {
  const networkKey = newNetworkKey()
  const [ours, theirs] = await Promise.all([
    startDunbar(networkKey),
    startPeer('ssb-db2 stack', networkKey),
  ])
  const code = await ours.peer.call('invite.create', [{ uses: 1, modern: false }])
  await theirs.acceptInvite(String(code))
  const [contact] = await ours.feedUpTo(ours.id, 1)
  expect(contact?.value.content).toMatchObject({
    type: 'contact',
    contact: theirs.id,
    following: true,
    pub: true,
  })
  await theirs.connect(ours.address)
  await theirs.holds(ours.id, 1)
  await ours.feedUpTo(theirs.id, 2)
})

test('an invite that dunbar made is accepted by ssb-server', async () => {
  const networkKey = newNetworkKey()
  const [ours, theirs] = await Promise.all([
    startDunbar(networkKey),
    startPeer('ssb-server', networkKey),
  ])
  const code = await ours.peer.call('invite.create', [{ uses: 1, modern: false }])
  await theirs.acceptInvite(String(code))
  const [contact] = await ours.feedUpTo(ours.id, 1)
  expect(contact?.value.content).toMatchObject({ contact: theirs.id, following: true })
})
