import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Incident } from '../core/incident.ts'
import { linkEntry } from '../core/journal.ts'
import { romeReport } from './fixture.ts'
import { html } from './html.ts'
import { commandsOf, type ReportInput } from './input.ts'
import { markdown } from './markdown.ts'
import { storyOf } from './story.ts'

const rome = romeReport()

function withIncident(changes: Partial<Incident>): ReportInput {
  return { ...rome, incident: { ...rome.incident, ...changes } }
}

describe('storyOf()', () => {
  it('says each signal once, as it was last seen, strongest first', () => {
    const points = storyOf(rome).signals.map(signal => signal.points)
    assert.deepEqual(points, [100, 80, 45, 45, 20, 15, -40])
  })

  it('shows under Why the tool calls that opened the strongest peers’ connections, and takes none for what broke out', () => {
    const [finding] = rome.incident.findings
    assert.ok(finding)
    const host = { family: 'host', points: 10, first: 0, last: 0, port: 22, protocol: 6 } as const
    const calls = ['198.51.100.99', '203.0.113.77', '198.51.100.23'].map(peer => ({
      ...host,
      rule: 'tool-call',
      peer,
      detail: `Opened during the agent’s tool call (bash: <b>ssh</b> ${peer})`,
    }))
    const told = withIncident({ findings: [{ ...finding, signals: [...finding.signals, ...calls] }] })
    const { why, title } = storyOf(told)
    assert.deepEqual(
      why.calls.map(({ peer }) => peer),
      ['198.51.100.23', '203.0.113.77', '198.51.100.99'],
    )
    assert.ok(why.strongest.every(({ family }) => family !== 'host'))
    assert.doesNotMatch(title, /tool call/)
    assert.match(markdown(told), /\*\*Tool call\*\* for 203.*&lt;b&gt;ssh&lt;\/b&gt;/)
    assert.match(html(told), /<strong>Tool call<\/strong> for .*203\.0\.113\.77.*&lt;b&gt;ssh/)
  })

  it('names as not covered what steps could not do and which peers are not denied', () => {
    assert.deepEqual(storyOf(rome).gaps, [
      'protect: The autoscaling group rome-train may still replace the instance: it is not known to Firebreak',
      'collect: screenshot.jpg: The instance has no screen',
      '203.0.113.77 is not denied in acl-0d0d0d0d0d0d0d0d0: eni-0eeeeeeeeeeeeeeee, which is in no incident, used it within the last 24 hours',
    ])
  })

  it('names a failed step as not covered and first among what to do', () => {
    const { protect } = rome.incident.steps
    assert.ok(protect)
    const failed = { ...protect, status: 'failed' as const, reason: 'UnauthorizedOperation' }
    const story = storyOf(withIncident({ steps: { ...rome.incident.steps, protect: failed } }))
    assert.equal(story.gaps[0], 'protect failed: UnauthorizedOperation')
    assert.match(story.situation.advice[0] ?? '', /^The step protect failed/)
  })

  it('tells steps that start at once in one moment', () => {
    const starts = storyOf(rome).timeline.filter(({ kind }) => kind === 'intent')
    assert.deepEqual(
      starts.map(({ text }) => text),
      ['Start swap-groups, deny-peers, snapshot and protect', 'Start'],
    )
  })

  it('tells pending lines once, also when the journal ends with an entry that stands for them', () => {
    const pending = [{ at: rome.now, kind: 'note' as const, text: 'pending line' }]
    const standIn = { sequence: 6, at: rome.now, by: '', lines: pending, previous: '', hash: '' }
    for (const journal of [rome.journal, [...rome.journal, standIn]]) {
      const story = storyOf({ ...withIncident({ pending }), journal })
      assert.equal(story.timeline.filter(({ text }) => text === 'pending line').length, 1)
      assert.equal(story.chain.intact, true)
    }
  })

  it('tells lines once that are linked and not yet taken off the pending ones', () => {
    const last = rome.journal.at(-1)
    assert.ok(last)
    assert.equal(storyOf(withIncident({ pending: last.lines })).timeline.length, storyOf(rome).timeline.length)
  })

  it('says where the journal was changed', () => {
    const journal = rome.journal.map(entry => (entry.sequence === 2 ? { ...entry, by: 'somebody else' } : entry))
    const { chain } = storyOf({ ...rome, journal })
    assert.equal(chain.intact, false)
    assert.match(chain.text, /breaks at entry 2/)
    assert.match(html({ ...rome, journal }), /Broken chain/)
    assert.match(markdown({ ...rome, journal }), /\*\*Broken chain\.\*\*/)
  })

  it('says when the end of the journal is missing', () => {
    assert.match(storyOf({ ...rome, journal: rome.journal.slice(0, -1) }).chain.text, /entries are missing/)
  })

  it('says when the journal was rewritten as a whole', () => {
    let head = { sequence: 0, hash: '' }
    const journal = rome.journal.map(({ at, lines }) => {
      const entry = linkEntry(head, 'somebody else', at, lines)
      head = entry
      return entry
    })
    assert.match(storyOf({ ...rome, journal }).chain.text, /not the one that the incident knows of/)
  })
})

describe('commandsOf()', () => {
  it('names the incident', () => {
    const line = 'npx firebreak incidents release fb-3d5e8a1c90b7f264'
    assert.equal(commandsOf(rome).release, line)
  })

  it('puts nothing into a shell line that a shell could take for more than a name', () => {
    for (const id of ['$(reboot)', 'a b', '-rf', "a';b", 'a\nb'])
      assert.equal(commandsOf(withIncident({ id })).release, 'npx firebreak incidents release INCIDENT')
  })

  it('gives way to the commands of the input', () => {
    const commands = { approve: 'approve it', release: 'release it' }
    assert.match(html({ ...rome, commands }), /<code>release it<\/code>/)
    assert.match(markdown({ ...rome, commands }), /```sh\nrelease it\n```/)
  })
})

describe('what the report says to do', () => {
  it('is to approve while a person has to decide, and nothing to release', () => {
    const page = html(withIncident({ verdict: 'approval', steps: {}, cut: { state: 'none', reasons: [] } }))
    assert.match(page, /Waiting for approval/)
    assert.match(page, /incidents approve/)
    assert.doesNotMatch(page, /incidents release/)
  })

  it('is neither once it is over', () => {
    const page = html(
      withIncident({ closedAt: rome.now, releasedBy: 'A. Person', cut: { state: 'restored', reasons: [] } }),
    )
    assert.match(page, /Released/)
    assert.doesNotMatch(page, /incidents (approve|release)/)
  })

  it('is to ask again while a release is unfinished', () => {
    assert.match(html(withIncident({ releasedBy: 'A. Person' })), /Being released/)
  })

  it('comes with the reasons why the cut is not proven', () => {
    const reason = 'No flow-log window of eni-0a1a1a1a1a1a1a1a1 lies wholly after the cut'
    const input = withIncident({ cut: { ...rome.incident.cut, state: 'unverified', reasons: [reason] } })
    assert.ok(html(input).includes(reason))
    assert.ok(markdown(input).includes(`- ${reason}`))
  })
})
