import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Incident } from '../core/incident.ts'
import { romeReport } from './fixture.ts'
import { ticketOf } from './ticket.ts'

const rome = romeReport()

function ticketWith(changes: Partial<Incident>) {
  return ticketOf({ ...rome, incident: { ...rome.incident, ...changes } })
}

function inState(state: Incident['cut']['state'], verdict: Incident['verdict'] = 'isolate') {
  return ticketWith({ verdict, cut: { ...rome.incident.cut, state } })
}

describe('ticketOf()', () => {
  it('is keyed by the incident and names what happened and where', () => {
    const { key, incident, instance, title, state, drill } = ticketOf(rome)
    assert.deepEqual([key, incident, instance], ['fb-3d5e8a1c90b7f264', 'fb-3d5e8a1c90b7f264', 'i-0aa11bb22cc33dd44'])
    assert.equal(title, 'Mining pool, internal probing and reverse tunnel on i-0aa11bb22cc33dd44')
    assert.deepEqual([state, drill], ['cut', false])
  })

  for (const [state, verdict, severity] of [
    ['none', 'approval', 5],
    ['none', 'observe', 5],
    ['none', 'alert', 4],
    ['none', 'refused', 4],
    ['pending', 'isolate', 5],
    ['unverified', 'isolate', 4],
    ['new-flows-only', 'isolate', 4],
    ['cut', 'isolate', 3],
    ['restored', 'isolate', 2],
  ] as const)
    it(`has severity ${severity} for the state ${state} under the verdict ${verdict}`, () => {
      assert.equal(inState(state, verdict).severity, severity)
    })

  it('has severity 5 once bytes have passed after the deadline, and says so first', () => {
    const cut = { ...rome.incident.cut, state: 'new-flows-only' } as const
    const escalated = { at: 0, reason: '52 bytes passed on eni-1 more than 15 minutes after the cut' }
    const { severity, markdown } = ticketWith({ cut, escalated })
    assert.equal(severity, 5)
    assert.match(markdown, /\*\*Bytes still pass\.\*\* The cut has not ended all of it: 52 bytes passed on eni-1/)
    assert.equal(ticketWith({ cut: { ...cut, state: 'cut' }, escalated }).severity, 3)
  })

  it('has no less than severity 4 where somebody else changed what the cut rests on, until it is closed', () => {
    const alarms = [{ event: 'e-1', at: 0, text: 'Somebody changed a log: DeleteFlowLogs by arn:aws:iam::1:user/x' }]
    const { severity, markdown } = ticketWith({ alarms })
    assert.equal(severity, 4)
    assert.match(markdown, /## What now\n\n- Somebody changed a log: DeleteFlowLogs by arn/)
    assert.equal(ticketWith({ alarms, closedAt: 1, cut: { ...rome.incident.cut, state: 'restored' } }).severity, 2)
  })

  it('says what came to an end by itself', () => {
    const steps = { ...rome.incident.steps }
    const [[id, record] = []] = Object.entries(steps)
    assert.ok(id && record)
    const { markdown } = ticketWith({ steps: { ...steps, [id]: { ...record, settled: 'Evidence ready: snap-1' } } })
    assert.match(markdown, /\n {2}- Evidence ready: snap-1\n/)
  })

  it('marks a drill in the title and the text and wakes nobody', () => {
    const { title, markdown, severity, drill } = ticketWith({ drill: true })
    assert.match(title, /^Drill: /)
    assert.match(markdown, /^# Drill: .*\n\n\*\*This is a drill\*\*/)
    assert.deepEqual([severity, drill], [1, true])
  })

  it('does not say of itself that it is under way', () => {
    const step = {
      status: 'intended',
      attempts: 1,
      covers: '',
      at: 0,
      done: [],
      unable: [],
      facts: {},
      reason: '',
    } as const
    const { markdown } = ticketWith({
      steps: { ...rome.incident.steps, 'ticket-webhook': { ...step, done: [], unable: [] } },
    })
    assert.doesNotMatch(markdown, /\*\*ticket-webhook\*\*/)
  })

  it('stays below what trackers take, and says what it leaves out', () => {
    const entry = rome.journal[0]
    assert.ok(entry)
    const line = { at: 0, kind: 'note', text: 'x'.repeat(4096) } as const
    const journal = [{ ...entry, lines: Array.from({ length: 5000 }, () => line) }]
    const signals = Array.from({ length: 256 }, (_, port) => ({
      rule: 'reverse-tunnel',
      family: 'shape' as const,
      points: 1,
      port,
      first: 0,
      last: 0,
      detail: '<'.repeat(1024),
    }))
    const findings = rome.incident.findings.map(finding => ({ ...finding, signals }))
    const { markdown } = ticketOf({ ...rome, journal, incident: { ...rome.incident, findings } })
    assert.ok(markdown.length < 65_536, String(markdown.length))
    assert.match(markdown, /Left out for length: .*\. The HTML report has it all|rows left out/)
  })

  it('tells each failure of a journal that is too long to be told', () => {
    const entry = rome.journal[0]
    assert.ok(entry)
    const lines = Array.from({ length: 200 }, (_, at) =>
      at === 100
        ? ({ at, kind: 'failed', step: 'metadata-service', text: 'It was throttled' } as const)
        : ({ at, kind: 'note', text: `Line ${at}` } as const),
    )
    const { markdown } = ticketOf({ ...rome, journal: [{ ...entry, lines }] })
    assert.match(markdown, /159 lines left out.*\n.*\*\*Failed\*\* metadata-service: It was throttled\n/)
    assert.doesNotMatch(markdown, /Line 99\b/)
  })

  it('says what a release was refused for, and how to force it over that', () => {
    const drifts = [{ step: 'swap-groups', resource: 'eni-1', left: 'in sg-1', found: 'in sg-2' }]
    const { markdown } = ticketWith({ releaseRefused: { at: rome.now, by: 'ada', drifts } })
    assert.match(markdown, /The release that ada asked for was refused, and nothing is put back/)
    assert.match(markdown, /swap-groups: eni-1 was left in sg-1 and is in sg-2/)
    assert.match(markdown, /npx firebreak incidents release .* --force swap-groups\n/)
    assert.doesNotMatch(ticketOf(rome).markdown, /was refused|--force/)
  })

  it('lists each file of the evidence once, with its size and digest, and not again under what was done', () => {
    const { markdown } = ticketOf(rome)
    const [, evidence = ''] = /\n## Evidence\n([^#]*)/.exec(markdown) ?? []
    assert.match(
      evidence,
      /^\nIn s3\\:\/\/example-evidence\/firebreak\/fb-20261124-0001\/; a release leaves it there\.\n/,
    )
    assert.match(evidence, /\| console-output\\\.txt \| 41\.2 kB \| 0b6f(?:c1d2e3f4){7}5a69 \|/)
    assert.match(evidence, /\| aws-vpc-flow-5f1d7a84\\\.jsonl \| 1\.2 MB \| 7c41(?:0a1b2c3d){7}4e5f \|/)
    const [, done = ''] = /\n## What was done\n([^#]*)/.exec(markdown) ?? []
    assert.match(done, /\*\*collect\*\*: done.*\n {2}- Evidence is in .*locked in governance mode/)
    assert.doesNotMatch(done, /c1d2e3f4|files:|folder:/)
  })

  it('lists the commands that undo the cut without Firebreak, in one fence that nothing in them ends', () => {
    const undo = [
      { step: 'autoscaler', commands: ["aws autoscaling exit-standby --auto-scaling-group-name 'a```\nb'"] },
    ]
    const { markdown } = ticketOf({ ...rome, undo })
    assert.match(
      markdown,
      /## Undo without Firebreak\n[^`]*```sh\n# autoscaler\naws autoscaling exit-standby --auto-scaling-group-name 'a b'\n```\n/,
    )
    assert.doesNotMatch(ticketOf(rome).markdown, /Undo without/)
  })
})
