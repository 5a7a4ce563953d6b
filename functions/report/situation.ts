import { driftText } from '../core/drift.ts'
import type { Incident } from '../core/incident.ts'

/** How a state reads to somebody who was woken by it. */
export interface Situation {
  /** Two to five words. */
  readonly label: string
  /** What is true now, in one or two sentences. */
  readonly meaning: string
  readonly tone: 'danger' | 'warning' | 'safe' | 'calm'
  /** What a person does now, most urgent first. */
  readonly advice: readonly string[]
  readonly decision: 'approve' | 'release' | undefined
}

const MEMORY = 'Memory is not preserved: do not stop or terminate the instance before you have what you need of it.'

export function situationOf(incident: Incident): Situation {
  const situation = byState(incident)
  const failed = Object.entries(incident.steps).filter(([, { status }]) => status === 'failed')
  const advice = failed.map(
    ([step]) => `The step ${step} failed: see what was done, and do by hand what it should have done.`,
  )
  if (incident.releasedBy !== undefined && incident.closedAt === undefined)
    return {
      ...situation,
      label: 'Being released',
      tone: 'warning',
      meaning: 'A release was asked for and is not finished: some of what was changed may still be in place.',
      advice: [...advice, 'Watch this report. If the release stays unfinished, ask for it again.'],
      decision: 'release',
    }
  return {
    ...situation,
    advice: [...refusalAdvice(incident), ...alarmAdvice(incident), ...advice, ...situation.advice],
  }
}

/** On a ticket; the journal has them all. */
const SHOWN_ALARMS = 5

function alarmAdvice({ alarms = [], closedAt }: Incident): string[] {
  if (closedAt !== undefined) return []
  const more = alarms.length - SHOWN_ALARMS
  return [
    ...alarms.slice(-SHOWN_ALARMS).map(({ text }) => `${text}. Find out whether that was meant, and by whom.`),
    ...(more > 0 ? [`${more} more changes by others stand in the timeline.`] : []),
  ]
}

function refusalAdvice({ releaseRefused, closedAt }: Incident): string[] {
  if (!releaseRefused || closedAt !== undefined) return []
  return [
    `The release that ${releaseRefused.by} asked for was refused, and nothing is put back: find out who made these changes, and force the release over them or not.`,
    ...releaseRefused.drifts.map(one => `${one.step}: ${driftText(one)}.`),
  ]
}

function byState(incident: Incident): Situation {
  const { cut, escalated } = incident
  if (escalated && (cut.state === 'new-flows-only' || cut.state === 'unverified'))
    return {
      label: 'Bytes still pass',
      tone: 'danger',
      meaning: `The cut has not ended all of it: ${escalated.reason}.`,
      advice: [
        'Stop the instance now, unless the step stop has done so, or take its way out by hand: nothing that was done here ends what passes.',
        MEMORY,
      ],
      decision: 'release',
    }
  switch (cut.state) {
    case 'none':
      return uncut(incident)
    case 'pending':
      return {
        label: 'Not cut yet',
        tone: 'danger',
        meaning: 'The cut is under way or has failed in part. Treat the instance as connected.',
        advice: [
          'If this lasts more than a few minutes, move every interface into the quarantine group by hand.',
          MEMORY,
        ],
        decision: 'release',
      }
    case 'unverified':
      return {
        label: 'Cut, not proven yet',
        tone: 'warning',
        meaning: 'The network was changed, and nothing has proven yet that no traffic passes.',
        advice: [
          'Wait for the next flow-log window, up to ten minutes or so: the proof is looked for again every few minutes.',
          'If it stays unproven, check that the flow log is still delivered: silence proves nothing.',
          MEMORY,
        ],
        decision: 'release',
      }
    case 'new-flows-only':
      return {
        label: 'Open connections may pass',
        tone: 'danger',
        meaning: 'New connections are blocked. Connections that were open at the cut may still carry traffic.',
        advice: [
          'Read what is not covered. Deny those peers yourself, or stop the instance once you have what you need of its memory.',
          'The watch goes on until those connections can no longer be tracked.',
        ],
        decision: 'release',
      }
    case 'cut':
      return {
        label: 'Cut off, proven',
        tone: 'safe',
        meaning: 'The groups of every interface were read back, and the flow log shows nothing passing since the cut.',
        advice: ['Nothing more is needed to contain it. Investigate, then release or retire the instance.', MEMORY],
        decision: 'release',
      }
    case 'restored':
      return {
        label: 'Released',
        tone: 'calm',
        meaning: 'The network was put back as it was before the cut. The evidence is kept.',
        advice: [
          'Watch the instance: a new finding opens a new incident.',
          'Delete the evidence when nobody needs it any more.',
        ],
        decision: undefined,
      }
  }
}

function uncut({ verdict, closedAt }: Incident): Situation {
  const decision = closedAt === undefined ? 'approve' : undefined
  const look = 'Look at the conversations below. If this is no ordinary work, approve the cut.'
  switch (verdict) {
    case 'approval':
      return {
        label: 'Waiting for approval',
        tone: 'danger',
        meaning: 'Nothing was changed. The instance is connected until a person approves the cut.',
        advice: ['Decide now: approve the cut, or leave the instance as it is.'],
        decision,
      }
    case 'observe':
      return {
        label: 'Observed, not cut',
        tone: 'danger',
        meaning: 'Nothing was changed, because the mode is observe. The instance is connected.',
        advice: [look, 'To have findings like this cut at once, set the mode to enforce.'],
        decision,
      }
    case 'alert':
      return {
        label: 'Reported, not cut',
        tone: 'warning',
        meaning: 'Nothing was changed. The evidence is enough to report the instance and not enough to cut it.',
        advice: [look],
        decision,
      }
    case 'refused':
      return {
        label: 'Not cut by policy',
        tone: 'warning',
        meaning: 'Nothing was changed, because policy forbids it.',
        advice: ['Check that the refusal is what you want.', look],
        decision,
      }
    case 'isolate':
      return {
        label: 'Not cut',
        tone: 'danger',
        meaning: 'Policy allows the cut and nothing was changed. The instance is connected.',
        advice: ['Find out in the timeline what kept the cut from being made.'],
        decision,
      }
  }
}
