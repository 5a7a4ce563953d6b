import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { evidenceOf } from '../../functions/core/evidence.ts'
import type { Incident } from '../../functions/core/incident.ts'
import type { Outcome } from '../../functions/core/ports.ts'
import { BUCKET, DNS, FIREWALL, FLOW, START, setCollectStage } from './collect-stage.ts'
import { afterStep } from './ec2-stage.ts'

type Stage = Awaited<ReturnType<typeof setCollectStage>>

const FILES = [
  'console-output.txt',
  'screenshot.jpg',
  'restore-point.json',
  'instance.json',
  'instance-attributes.json',
  'network-interfaces.json',
  'security-groups.json',
  'network-acls.json',
  'route-tables.json',
  'volumes.json',
]

const logFile = (source: string, group: string) =>
  `${source}-${createHash('sha256').update(group).digest('hex').slice(0, 8)}.jsonl`
const flowFile = logFile('aws-vpc-flow', FLOW)
const dnsFile = logFile('aws-resolver', DNS)
const firewallFile = logFile('aws-network-firewall', FIREWALL)
const everyFile = [...FILES, flowFile, dnsFile, firewallFile].toSorted()

const flowLine = (eni: string, peer: string) =>
  `5 123456789012 ${eni} 10.0.1.10 ${peer} 40000 22 6 10 2000 1 2 ACCEPT OK`

async function collected(stage: Stage): Promise<{ outcome: Outcome; after: Incident }> {
  const outcome = await stage.step.apply(stage.work())
  return { outcome, after: afterStep(stage.incident, stage.step, outcome) }
}

/** Every try of a step as the engine makes it: what it throws after it did something counts as an outcome too. */
async function tried(stage: Stage, incident?: Incident, attempt?: number) {
  try {
    return { outcome: await stage.step.apply(stage.work(incident, attempt)), failure: '' }
  } catch (thrown) {
    assert.ok(thrown instanceof Error && 'outcome' in thrown)
    const { done, facts } = thrown.outcome as Outcome
    return { outcome: { done, facts, unable: [] }, failure: thrown.message }
  }
}

/** What the journal says of each file: name → digest. */
function told({ done }: Pick<Outcome, 'done'>): Record<string, string> {
  const lines = done.flatMap(text => {
    const [, name = '', sha256 = ''] = /^Kept (\S+): \d+ bytes, SHA-256 ([0-9a-f]{64})/.exec(text) ?? []
    return name === '' ? [] : [[name, sha256]]
  })
  return Object.fromEntries(lines)
}

const digestsOf = (files: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, createHash('sha256').update(text).digest('hex')]),
  )

test('collect keeps console, screenshot, configuration and records, each with its digest in the journal and locked', async () => {
  await using stage = await setCollectStage()
  const { outcome, after } = await collected(stage)
  assert.deepEqual(outcome.unable, [])
  assert.deepEqual(
    evidenceOf(after)
      .files.map(({ name }) => name)
      .toSorted(),
    everyFile,
  )
  assert.equal(evidenceOf(after).folder, `s3://${BUCKET}/firebreak/fb-1/`)
  // A JPEG is no text: its digest is compared as it lies in the bucket.
  const { 'screenshot.jpg': _screen, ...texts } = stage.kept()
  const { 'screenshot.jpg': screen, ...lines } = told(outcome)
  assert.deepEqual(lines, digestsOf(texts))
  const [stored] = stage.bucket.objects.get('firebreak/fb-1/screenshot.jpg') ?? []
  assert.ok(stored)
  assert.equal(createHash('sha256').update(stored.bytes).digest('hex'), screen)
  for (const [key, versions] of stage.bucket.objects) {
    assert.equal(versions.length, 1, key)
    assert.deepEqual(versions[0]?.lock, { mode: 'GOVERNANCE', until: START + 30 * 86_400_000 })
    assert.ok(versions[0]?.sha256, `${key} came without its digest`)
  }
  assert.deepEqual(await stage.step.verify(stage.work(after)), { holds: true, notes: [] })
})

test('the configuration is that of the instance: groups with rules, ACLs, routes, disks, and how it stood before', async () => {
  await using stage = await setCollectStage()
  await collected(stage)
  const kept = stage.kept()
  const json = (name: string): unknown => JSON.parse(kept[`${name}.json`] ?? '')
  assert.deepEqual(json('restore-point'), JSON.parse(JSON.stringify(stage.incident.restorePoint)))
  for (const [name, wanted] of [
    ['instance', ['i-a1', 'eni-a1', 'eni-a2']],
    ['network-interfaces', ['eni-a1', 'eni-a2']],
    ['security-groups', ['sg-agents', 'sg-quarantine', '10.0.0.0/16']],
    ['network-acls', ['acl-a', 'acl-b', 'RuleNumber']],
    ['route-tables', ['rtb-1', 'igw-1']],
    ['volumes', ['vol-a1-0', 'vol-a1-1']],
    ['instance-attributes', ['DisableApiTermination', 'InstanceInitiatedShutdownBehavior']],
  ] as const)
    for (const text of wanted) assert.ok(JSON.stringify(json(name)).includes(text), `${name}: ${text}`)
  assert.ok(!JSON.stringify(kept).includes('$metadata'))
  for (const other of ['i-b1', 'eni-b1', 'vol-b1', 'sg-open'])
    assert.ok(!JSON.stringify(kept).includes(other), `${other} is another's`)
})

test('records are those of the instance around the finding, each log by its own pattern, oldest first', async () => {
  await using stage = await setCollectStage()
  const lines = [
    flowLine('eni-a1', '203.0.113.9'),
    flowLine('eni-b1', '203.0.113.9'),
    flowLine('eni-a2', '198.51.100.4'),
  ]
  stage.write(FLOW, 'eni-all', ...lines)
  const query = (instance: string) => JSON.stringify({ query_name: 'pool.example.com.', srcids: { instance } })
  stage.write(DNS, 'vpc-1', query('i-a1'), query('i-b1'), 'no JSON: i-a1')
  const alert = (src: string, dest: string) => JSON.stringify({ event: { src_ip: src, dest_ip: dest } })
  stage.write(
    FIREWALL,
    'alert',
    alert('10.0.1.10', '203.0.113.9'),
    alert('10.0.1.20', '203.0.113.9'),
    alert('203.0.113.9', '10.0.2.11'),
  )
  // Long before and after.
  const old = [{ timestamp: START - 2 * 3_600_000, message: flowLine('eni-a1', '203.0.113.77') }]
  stage.logs.put({ group: FLOW, stream: 'eni-a1-all', records: old, at: START })
  stage.logs.put({
    group: FLOW,
    stream: 'eni-a1-all',
    records: [{ timestamp: START + 60_000, message: flowLine('eni-a1', '203.0.113.78') }],
    at: START,
  })
  const { outcome } = await collected(stage)
  const messages = (file: string) =>
    (stage.kept()[file] ?? '').split('\n').flatMap(line => (line === '' ? [] : JSON.parse(line).message))
  assert.deepEqual(messages(flowFile), [lines[0], lines[2]])
  assert.deepEqual(messages(dnsFile), [query('i-a1')])
  assert.deepEqual(messages(firewallFile), [alert('10.0.1.10', '203.0.113.9'), alert('203.0.113.9', '10.0.2.11')])
  assert.match(
    outcome.done.find(text => text.includes(flowFile)) ?? '',
    /, 2 records of \/example\/flow from 2026-01-02T11:35:00.000Z to 2026-01-02T12:00:00.000Z$/,
  )
})

test('records are read page by page; past the bound the newest are kept, and the ticket says that older ones are not', async () => {
  await using stage = await setCollectStage()
  const large = 'x'.repeat(200_000)
  const messages = Array.from({ length: 60 }, (_, index) => `eni-a1 ${index} ${large}`)
  const records = messages.map((message, index) => ({ timestamp: START - 60_000 + index, message }))
  stage.logs.put({ group: FLOW, stream: 'eni-a1-all', records, at: START })
  const { outcome } = await collected(stage)
  const kept = (stage.kept()[flowFile] ?? '').split('\n').filter(line => line !== '')
  assert.ok(kept.length > 30 && kept.length < 60, `${kept.length} records`)
  assert.equal(JSON.parse(kept.at(-1) ?? '').message, messages.at(-1))
  assert.ok(outcome.unable.includes(`${flowFile}: the search of ${FLOW} ended after 8 MB: older records are not in it`))
  assert.ok(
    stage.sandbox.calls.filter(({ action, target }) => action === 'FilterLogEvents' && target === FLOW).length > 5,
  )
})

test('a bucket without object lock gets the files all the same, and the ticket says what that means', async () => {
  await using stage = await setCollectStage({ lock: undefined, settings: {} })
  stage.sandbox.createBucket(BUCKET)
  const bucket = stage.cloud.buckets?.get(BUCKET)
  const { outcome, after } = await collected(stage)
  assert.equal(bucket?.objects.size, everyFile.length)
  assert.deepEqual(outcome.unable, [
    'The evidence bucket has no object lock: whoever may write to it can replace or delete what is kept',
  ])
  assert.ok(
    [...(bucket?.objects.values() ?? [])].every(([one]) => one?.lock === undefined && one?.version === undefined),
  )
  assert.equal((await stage.step.verify(stage.work(after))).holds, true)
})

test("a bucket's default retention is left to lock the files, and a drill's are locked for a day", async () => {
  await using usual = await setCollectStage({ lock: { mode: 'COMPLIANCE', days: 400 } })
  await collected(usual)
  for (const [file] of usual.bucket.objects.values())
    assert.deepEqual(file?.lock, { mode: 'COMPLIANCE', until: START + 400 * 86_400_000 })
  await using drill = await setCollectStage()
  await drill.step.apply(drill.work({ ...drill.incident, drill: true }))
  for (const [file] of drill.bucket.objects.values()) assert.equal(file?.lock?.until, START + 86_400_000)
})

test('without a bucket the step asks nobody and the ticket says that nothing is collected', async () => {
  await using stage = await setCollectStage({ settings: { collect: undefined } })
  const asked = stage.sandbox.calls.length
  const { outcome, after } = await collected(stage)
  assert.deepEqual(outcome.done, [])
  assert.match(outcome.unable.join(), /are not collected: no bucket is configured \(evidence\.bucket\)/)
  assert.deepEqual(await stage.step.verify(stage.work(after)), { holds: true, notes: [] })
  assert.equal(stage.sandbox.calls.length, asked)
  assert.deepEqual(stage.step.permissions, [])
})

test('what cannot be collected is named, and everything else is kept', async () => {
  const logGroups = [{ group: '/example/gone', source: 'aws-vpc-flow' }]
  const into = { bucket: BUCKET, prefix: 'firebreak/', logGroups }
  await using stage = await setCollectStage({ settings: { collect: into } })
  stage.sandbox.fault('ec2', 'DescribeRouteTables', 1, 'denied')
  const instance = stage.cloud.instances.get('i-a1')
  assert.ok(instance)
  Object.assign(instance, { console: '', state: 'stopped' })
  const { outcome, after } = await collected(stage)
  const missing = [
    'console-output.txt',
    'screenshot.jpg',
    'route-tables.json',
    logFile('aws-vpc-flow', '/example/gone'),
  ]
  assert.deepEqual(outcome.unable.map(text => text.replace(/: .*/, '')).toSorted(), missing.toSorted())
  assert.match(outcome.unable.join('\n'), /console-output\.txt: The instance has no console output/)
  assert.match(outcome.unable.join('\n'), /screenshot\.jpg: IncorrectInstanceState/)
  assert.match(outcome.unable.join('\n'), /route-tables\.json: UnauthorizedOperation/)
  assert.match(outcome.unable.join('\n'), /\.jsonl: ResourceNotFoundException/)
  assert.deepEqual(
    evidenceOf(after).files.map(({ name }) => name),
    FILES.filter(name => !missing.includes(name)),
  )
})

test('an instance that is not built on Nitro gives the output that EC2 has of it', async () => {
  await using stage = await setCollectStage()
  Object.assign(stage.cloud.instances.get('i-a1') ?? {}, { type: 'p3.2xlarge' })
  const { outcome } = await collected(stage)
  assert.deepEqual(outcome.unable, [])
  assert.match(stage.kept()['console-output.txt'] ?? '', /Linux version/)
})

test('the screen is never woken up', async () => {
  await using stage = await setCollectStage()
  const asked: string[] = []
  stage.sandbox.intercept(({ action }, body) => {
    if (action === 'GetConsoleScreenshot') asked.push(body.toString())
    return undefined
  })
  await collected(stage)
  assert.equal(asked.length, 1)
  assert.ok(!/WakeUp=true/i.test(asked[0] ?? ''))
})

test('a throttle fails the step with what was kept in its facts, and the next try keeps the rest and nothing twice', async () => {
  await using stage = await setCollectStage()
  const stop = stage.sandbox.intercept(({ action, target }) =>
    action === 'PutObject' && target?.endsWith('/volumes.json') ? 'throttle' : undefined,
  )
  const first = await tried(stage)
  stop()
  assert.match(first.failure, /^Cannot collect /)
  const between = evidenceOf(afterStep(stage.incident, stage.step, first.outcome)).files
  assert.ok(between.length > 0 && between.length < everyFile.length)
  // The console says something else by now.
  Object.assign(stage.cloud.instances.get('i-a1') ?? {}, { console: 'later' })
  const second = await tried(stage, afterStep(stage.incident, stage.step, first.outcome), 2)
  assert.equal(second.failure, '')
  const { files } = evidenceOf(afterStep(stage.incident, stage.step, second.outcome))
  assert.deepEqual(files.map(({ name }) => name).toSorted(), everyFile)
  for (const one of between)
    assert.deepEqual(
      files.find(({ name }) => name === one.name),
      one,
    )
  for (const [key, versions] of stage.bucket.objects) assert.equal(versions.length, 1, key)
})

test('a second delivery, of a try of which nobody knows the outcome, gives the same objects and their digests', async () => {
  await using stage = await setCollectStage()
  const { outcome, after } = await collected(stage)
  const before = JSON.stringify([...stage.bucket.objects])
  Object.assign(stage.cloud.instances.get('i-a1') ?? {}, { console: 'the intruder has cleared it' })
  stage.write(FLOW, 'eni-a1-all', flowLine('eni-a1', '203.0.113.9'))
  stage.clock.set(START + 600_000)
  // Nothing of the first try was written down.
  const again = await stage.step.apply(stage.work(stage.incident, 2))
  assert.equal(JSON.stringify([...stage.bucket.objects]), before)
  assert.deepEqual(told(again), told(outcome))
  assert.ok(again.done.slice(1).every(text => text.endsWith(', by an earlier try')))
  assert.deepEqual(again.facts, outcome.facts)
  // Of one that was written down nothing is left to say.
  const third = await stage.step.apply(stage.work(after, 3))
  assert.deepEqual([third.done, third.unable, third.facts], [[], [], outcome.facts])
  assert.equal(JSON.stringify([...stage.bucket.objects]), before)
})

test('an upload whose answer got lost is known by its digest when it is made again', async () => {
  await using stage = await setCollectStage()
  stage.sandbox.fault('s3', 'PutObject', 1, 'drop-after-effect')
  const { outcome } = await collected(stage)
  assert.deepEqual(outcome.unable, [])
  assert.equal(Object.keys(told(outcome)).length, everyFile.length)
  for (const [key, versions] of stage.bucket.objects) assert.equal(versions.length, 1, key)
})

test('an upload of an earlier try that arrives late is taken for what it is', async () => {
  await using stage = await setCollectStage()
  const key = 'firebreak/fb-1/console-output.txt'
  const late = Buffer.from('what the first try saw')
  const sha256 = createHash('sha256').update(late).digest()
  stage.sandbox.intercept(({ action }) => {
    // After the second try has looked and before it puts its own.
    if (action === 'GetConsoleOutput')
      stage.bucket.objects.set(key, [
        { bytes: late, type: 'text/plain', storedAt: START, sha256: sha256.toString('base64') },
      ])
    return undefined
  })
  const { outcome } = await tried(stage, stage.incident, 2)
  assert.deepEqual(outcome.unable, [])
  assert.equal(told(outcome)['console-output.txt'], sha256.toString('hex'))
  assert.equal(stage.kept()['console-output.txt'], 'what the first try saw')
})

test('other content that stands under a name of ours is never replaced, and the ticket says so', async () => {
  await using stage = await setCollectStage()
  const key = 'firebreak/fb-1/console-output.txt'
  const planted = {
    bytes: Buffer.from('nothing to see'),
    type: 'text/plain',
    storedAt: START,
    sha256: createHash('sha256').update('nothing to see').digest('base64'),
  }
  stage.bucket.objects.set(key, [planted])
  const { outcome, after } = await collected(stage)
  assert.deepEqual(stage.bucket.objects.get(key), [planted])
  assert.match(
    outcome.unable.join(),
    /console-output\.txt is not kept: something else stands there already, with SHA-256 [0-9a-f]{64}/,
  )
  assert.equal(evidenceOf(after).files.length, everyFile.length - 1)
})

test('verify() sees a file that is gone and one that was replaced; what is gone is collected again, what was replaced is named', async () => {
  await using stage = await setCollectStage({ lock: undefined })
  stage.sandbox.createBucket(BUCKET)
  const objects = stage.cloud.buckets?.get(BUCKET)?.objects
  const { after } = await collected(stage)
  const [gone, changed] = ['firebreak/fb-1/volumes.json', 'firebreak/fb-1/instance.json']
  objects?.delete(gone)
  const other = Buffer.from('{}')
  const forged = {
    bytes: other,
    type: 'application/json',
    storedAt: START,
    sha256: createHash('sha256').update(other).digest('base64'),
  }
  objects?.set(changed, [forged])
  const { holds, notes } = await stage.step.verify(stage.work(after))
  assert.equal(holds, false)
  assert.equal(notes.length, 2)
  assert.ok(notes.includes('volumes.json is not there any more'))
  assert.match(
    notes.join(),
    /instance\.json was kept with SHA-256 [0-9a-f]{64} and now stands there with SHA-256 [0-9a-f]{64}/,
  )
  const outcome = await stage.step.apply(stage.work(after, 2))
  assert.ok(objects?.has(gone))
  assert.deepEqual(objects?.get(changed), [forged])
  assert.match(outcome.unable.join(), /instance\.json was kept with/)
  // It is no evidence any more, and is not complained of for ever.
  const last = afterStep(after, stage.step, outcome)
  assert.ok(!evidenceOf(last).files.some(({ name }) => name === 'instance.json'))
  assert.equal((await stage.step.verify(stage.work(last))).holds, true)
})

test('in a bucket that keeps versions the version is the evidence, whatever is put on top of it', async () => {
  await using stage = await setCollectStage()
  const { after } = await collected(stage)
  const key = 'firebreak/fb-1/instance.json'
  const versions = stage.bucket.objects.get(key) ?? []
  stage.bucket.objects.set(key, [
    ...versions,
    { version: 'later', bytes: Buffer.from('{}'), type: 'text/plain', storedAt: START },
  ])
  assert.deepEqual(await stage.step.verify(stage.work(after)), { holds: true, notes: [] })
})

test('a file stays listed while nobody can look at it, and the incident goes on where its first file went', async () => {
  await using stage = await setCollectStage()
  const { outcome, after } = await collected(stage)
  stage.sandbox.fault('s3', 'HeadObject', 1, 'denied')
  const denied = await tried(stage, after, 2)
  assert.equal(denied.outcome.unable.length, 1)
  assert.deepEqual(denied.outcome.facts, outcome.facts)
  const elsewhere = { bucket: BUCKET, prefix: 'elsewhere/', logGroups: [] }
  await using moved = await setCollectStage({ settings: { collect: elsewhere } })
  for (const [key, versions] of stage.bucket.objects) moved.bucket.objects.set(key, versions)
  assert.deepEqual(await moved.step.verify(moved.work(after)), { holds: true, notes: [] })
  const again = await moved.step.apply(moved.work(after, 2))
  assert.deepEqual([again.done, again.facts], [[], outcome.facts])
})

test('nothing is put before the bucket has said how it locks: where it cannot say, the step is tried again', async () => {
  await using stage = await setCollectStage()
  stage.sandbox.fault('s3', 'GetObjectLockConfiguration', 2, 'error')
  const first = await tried(stage)
  assert.match(first.failure, /^Cannot collect console-output\.txt: InternalError/)
  assert.equal(stage.bucket.objects.size, 0)
  const second = await tried(stage, stage.incident, 2)
  assert.equal(second.failure, '')
  assert.equal(stage.bucket.objects.size, everyFile.length)
  await using denied = await setCollectStage()
  denied.sandbox.fault('s3', 'GetObjectLockConfiguration', 1, 'denied')
  const { unable } = (await tried(denied)).outcome
  assert.match(unable.join(), /^The evidence bucket's object lock is not known: AccessDenied/)
  assert.equal(denied.bucket.objects.size, everyFile.length)
})

test('a release keeps the evidence and says where', async () => {
  await using stage = await setCollectStage()
  const { after } = await collected(stage)
  const { done } = await stage.step.revert(stage.work(after))
  assert.deepEqual(done, [`Kept as evidence: ${everyFile.length} files in s3://${BUCKET}/firebreak/fb-1/`])
  assert.equal(stage.bucket.objects.size, everyFile.length)
})

test('nothing of what the console or a record says stands in what is journaled, ticketed or logged, whatever fails', async () => {
  await using stage = await setCollectStage()
  const actions = [
    ['ec2', 'GetConsoleOutput'],
    ['s3', 'PutObject'],
    ['s3', 'HeadObject'],
    ['logs', 'FilterLogEvents'],
  ] as const
  const marked = fc.string({ maxLength: 200, unit: 'binary' }).map(text => `hostile-mark${text}hostile-mark`)
  await fc.assert(
    fc.asyncProperty(
      marked,
      fc.constantFrom(...actions),
      fc.constantFrom('denied' as const, 'error-after-effect' as const, 'drop' as const),
      async (text, [service, action], kind) => {
        stage.bucket.objects.clear()
        Object.assign(stage.cloud.instances.get('i-a1') ?? {}, { console: text })
        stage.write(FLOW, 'eni-a1-all', `eni-a1 ${text}`)
        stage.sandbox.fault(service, action, 2, kind)
        const told = await tried(stage)
        const again = await tried(stage, afterStep(stage.incident, stage.step, told.outcome), 2)
        assert.ok(!JSON.stringify([told, again]).includes('hostile-mark'))
        assert.ok(JSON.stringify(stage.kept()).includes('hostile-mark'))
      },
    ),
    { numRuns: 12 },
  )
})
