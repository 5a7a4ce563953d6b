/**
 * What the cloud tells of a change. It comes at least once, in any order and late, so it is a reason to look and never
 * taken for how things stand.
 */
export interface Change {
  /** The cloud's own, the same at every delivery. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** As the cloud names it: `ModifyNetworkInterfaceAttribute`. */
  readonly action: string
  /** own: one of Firebreak's functions · deployer: whoever may change Firebreak · cloud: it happened by itself. */
  readonly author: 'own' | 'deployer' | 'other' | 'cloud'
  /** Who asked for it; absent: nobody did. */
  readonly by?: string
  /** The error's code where it was refused: nothing changed. */
  readonly refused?: string
  /**
   * cut: what an incident may rest on · every: the same, but it does not say which · fleet: instances or networks come
   * and go · rules: those of a security group · tags: those of anything.
   */
  readonly touches: readonly ('cut' | 'every' | 'fleet' | 'rules' | 'tags')[]
  /** Firebreak's own, or a log that it reads: what of it was changed. */
  readonly guard?: string
  /** Every identifier and name that it mentions. */
  readonly subjects: readonly string[]
  /** Keys of the tags that it wrote or took away. */
  readonly tagKeys: readonly string[]
}

/** `DeleteFlowLogs by arn:aws:iam::111122223333:user/ada`. */
export function changeText({ action, by }: Change): string {
  return by === undefined ? action : `${action} by ${by}`
}
