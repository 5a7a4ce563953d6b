import { API_CALL, SNAPSHOT, SNAPSHOT_EVENTS, SNAPSHOTS, STATE_CHANGE, STATES, WATCHED } from './table.ts'

type Leaf = string | { readonly prefix: string }
/** An event pattern of EventBridge, as far as it is needed here. */
export interface Pattern {
  readonly [field: string]: readonly Leaf[] | Pattern
}

const apiCalls = Object.fromEntries(
  [...Map.groupBy(WATCHED, ({ service }) => service)].map(([service, watched]): [string, Pattern] => [
    service.slice(0, service.indexOf('.')),
    {
      'detail-type': [API_CALL],
      detail: {
        eventSource: [service],
        eventName: watched
          .flatMap(({ calls }) => calls)
          .toSorted()
          .map(prefix => ({ prefix })),
      },
    },
  ]),
)

/** What the bus brings to verify: a rule each, by a name for it. */
export const changePatterns: Readonly<Record<string, Pattern>> = {
  states: { source: ['aws.ec2'], 'detail-type': [STATE_CHANGE], detail: { state: STATES } },
  snapshots: { source: ['aws.ec2'], 'detail-type': [SNAPSHOT, SNAPSHOTS], detail: { event: SNAPSHOT_EVENTS } },
  ...apiCalls,
}
