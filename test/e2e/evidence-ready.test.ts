import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withCut } from './cut-stage.ts'

const timeout = 240_000

test('the ticket says that the evidence is ready as soon as the snapshots are, once', { timeout }, async () => {
  await withCut(async ({ deployment, told, goOn }) => {
    const ready = async () => (await told()).filter(line => line.startsWith('verified: Evidence ready: ')).length
    assert.equal(await ready(), 0)
    deployment.clock.advance(120_000)
    await goOn()
    assert.equal(await ready(), 1)
    const [ticket] = deployment.tracker.tickets()
    assert.match(ticket?.markdown ?? '', /Evidence ready: snap-\w+ of vol-\w+, snap-\w+ of vol-\w+, snap-/)
    await deployment.verify()
    await goOn()
    assert.equal(await ready(), 1)
  })
})

test('a snapshot that fails is named, and the disks are taken again, but not for ever', { timeout }, async () => {
  await withCut(async ({ deployment, incident, told, goOn }) => {
    const { cloud } = deployment.built
    const volume = [...cloud.snapshots.values()][0]?.volume
    for (let round = 0; round < 5; round++) {
      for (const one of cloud.snapshots.values())
        if (one.volume === volume && one.state === 'pending') one.state = 'error'
      deployment.clock.advance(120_000)
      await goOn()
    }
    const failed = [...cloud.snapshots.values()].filter(({ state }) => state === 'error')
    assert.equal(failed.length, 3)
    const lines = (await told()).join('\n')
    assert.match(lines, new RegExp(`reopened: Does not hold any more: Snapshot ${failed[0]?.id} of ${volume} is error`))
    const { steps } = await incident()
    assert.match(
      steps['snapshot']?.unable.join() ?? '',
      new RegExp(`${volume} is in no snapshot: its snapshot failed 3`),
    )
  })
})
