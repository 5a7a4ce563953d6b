import * as z from 'zod'
import { Description } from './description.ts'
import { Finding, Peer } from './finding.ts'
import { JournalLine } from './journal.ts'

/** Whether a peer is denied in a shared ACL, or why it must not be. */
export const Denial = z.object({
  acl: z.string().max(128),
  peer: z.string().max(64),
  allowed: z.boolean(),
  /** Why not, where not. */
  reason: z.string().max(512),
})
export type Denial = z.infer<typeof Denial>

export const StepRecord = z.object({
  status: z.enum(['intended', 'done', 'failed', 'reverted']),
  attempts: z.number().int(),
  covers: z.string().max(8192),
  at: z.number(),
  done: z.array(z.string()),
  unable: z.array(z.string()),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
  reason: z.string(),
  /** How what the step began came to an end by itself, once it has: disks are copied long after they are asked for. */
  settled: z.string().max(4096).optional(),
})
export type StepRecord = z.infer<typeof StepRecord>

/** A release that was refused, since somebody else had changed since the cut what it would have put back. */
export const ReleaseRefusal = z.object({
  at: z.number(),
  by: z.string().max(256),
  drifts: z.array(
    z.object({
      step: z.string().max(64),
      resource: z.string().max(256),
      left: z.string().max(512),
      found: z.string().max(512),
    }),
  ),
})
export type ReleaseRefusal = z.infer<typeof ReleaseRefusal>

/**
 * pending: not cut yet · unverified: changed but not proven · new-flows-only: tracked conversations may still pass ·
 * cut: proven · none: nothing was cut (observed, awaiting approval, alerted, refused by policy) · restored: put back.
 */
export const CutState = z.enum(['none', 'pending', 'unverified', 'new-flows-only', 'cut', 'restored'])
export type CutState = z.infer<typeof CutState>

/** The deduplicated findings of one instance, from open to closed (NIST SP 800-61r3). */
export const Incident = z.object({
  id: z.string().max(64),
  instance: z.string().max(64),
  account: z.string().max(64),
  region: z.string().max(64),
  openedAt: z.number(),
  closedAt: z.number().optional(),
  drill: z.boolean(),
  /** What policy said: `isolate` cuts; `alert` and `observe` only report; `approval` waits for a person; `refused` says why. */
  verdict: z.enum(['isolate', 'alert', 'observe', 'approval', 'refused']),
  verdictReason: z.string().max(1024),
  /** Until when an approval counts, milliseconds; each finding that joins asks anew. */
  approvableUntil: z.number().optional(),
  approvedBy: z.string().max(256).optional(),
  /** Set when a person asked for the release; from then on nothing is cut again under this incident. */
  releasedBy: z.string().max(256).optional(),
  /** The newest release that was refused, until one is carried out. */
  releaseRefused: ReleaseRefusal.optional(),
  /** Newest last; the signals of all are on the ticket. Bounded: past the bound the weakest leaves. */
  findings: z.array(Finding),
  /** Ids of every finding that ever joined, so that a redelivery is known. Bounded likewise. */
  findingIds: z.array(z.string().max(64)),
  /** How the instance stood before the first change. Written once. Absent where nothing is changed. */
  restorePoint: Description.optional(),
  /** The quarantine group that the swap uses, by recorded id. */
  quarantine: z.string().max(128).optional(),
  /** The all-open group through which what is tracked is led, by recorded id; absent where none is prepared. */
  transit: z.string().max(128).optional(),
  /** Peers that no signal names and with which bytes passed after the cut. */
  residual: z.array(Peer),
  denials: z.array(Denial),
  /** What somebody else changed of what the cut or Firebreak itself rests on; newest last, bounded. */
  alarms: z.array(z.object({ event: z.string().max(128), at: z.number(), text: z.string().max(1024) })).optional(),
  /** Bytes still passed when the deadline after the cut was over. */
  escalated: z.object({ at: z.number(), reason: z.string().max(1024) }).optional(),
  steps: z.record(z.string(), StepRecord),
  cut: z.object({
    state: CutState,
    /** When every step of the cut had first been answered well, milliseconds: what passes later has survived it. */
    first: z.number().optional(),
    /** When its last change was answered: later flow-log windows prove it. */
    at: z.number().optional(),
    reasons: z.array(z.string().max(1024)),
    checkedAt: z.number().optional(),
  }),
  /** The newest journal entry, for the next link of the chain. */
  journal: z.object({ sequence: z.number().int(), hash: z.string().max(64) }),
  /** Journal lines written together with the change that they tell of and not yet linked into the chain. */
  pending: z.array(JournalLine),
  /** Who works on it now; a lapsed claim can be taken over. */
  claim: z.object({ owner: z.string().max(128), until: z.number() }).optional(),
})
export type Incident = z.infer<typeof Incident>
