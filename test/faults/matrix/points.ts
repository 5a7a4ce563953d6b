/** A call as (API, resource); which occurrence it is, counts who sees them all. */
export interface Asked {
  readonly service: string
  readonly action: string
  readonly target?: string | undefined
}

const MADE = /\b(snap|sg|eni|eni-attach|i|vol|eipassoc|rslvr-[a-z]+)-[0-9a-f]{8,32}\b/g

/** Names what a run makes by its kind: ids that the cloud gave in the course of it are others in the next. */
export function withoutMade(text: string, known: (id: string) => boolean): string {
  return text.replaceAll(MADE, (id, kind: string) => (known(id) ? id : `${kind}-*`))
}

/** Numbers the calls of a run by (API, resource): the first, the second, and so on. */
export function createCounter(known: (id: string) => boolean) {
  const counts = new Map<string, number>()
  return function pointOf({ service, action, target = '' }: Asked): string {
    const call = `${service} ${action} ${withoutMade(target, known)}`.trim()
    const occurrence = (counts.get(call) ?? 0) + 1
    counts.set(call, occurrence)
    return `${call} #${occurrence}`
  }
}
