import type { Incident } from '../../../core/incident.ts'
import type { Drift, Step } from '../../../core/ports.ts'
import { type LoadBalancing, Registration } from '../load-balancing.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { changeEach } from './each.ts'
import { restorePointOf } from './restore-point.ts'

const id = 'load-balancers'

/** An instance is in a handful of groups; the incident's row must not fill up. */
const MAX_REGISTRATIONS = 64

/**
 * Takes the instance out of the target groups and classic load balancers that send it requests, by its id and by its
 * addresses. Where it was registered is first found and written down, and only the next pass, to which what was found is
 * something new to act on, changes anything: a function that dies in between never leaves a change that nobody knows of.
 */
export function loadBalancers(balancing: LoadBalancing): Step {
  return {
    id,
    stage: 'collect',
    permissions: [
      // Describe calls of Elastic Load Balancing know no resource.
      {
        actions: [
          'elasticloadbalancing:DescribeTargetGroups',
          'elasticloadbalancing:DescribeTargetHealth',
          'elasticloadbalancing:DescribeLoadBalancers',
        ],
        resources: ['*'],
      },
      // No tag condition: nothing says of a target group that it holds in-scope instances.
      {
        actions: ['elasticloadbalancing:DeregisterTargets', 'elasticloadbalancing:RegisterTargets'],
        resources: ['arn:aws:elasticloadbalancing:*:*:targetgroup/*/*'],
      },
      {
        actions: [
          'elasticloadbalancing:DeregisterInstancesFromLoadBalancer',
          'elasticloadbalancing:RegisterInstancesWithLoadBalancer',
        ],
        resources: ['arn:aws:elasticloadbalancing:*:*:loadbalancer/*'],
      },
    ],
    verifyPermissions: [
      {
        actions: ['elasticloadbalancing:DescribeTargetHealth', 'elasticloadbalancing:DescribeLoadBalancers'],
        resources: ['*'],
      },
    ],

    covers: incident => coverText(foundIn(incident) ?? []),

    async apply({ incident, signal }) {
      const known = foundIn(incident)
      if (!known) {
        const addresses = restorePointOf(incident).interfaces.flatMap(one => one.addresses)
        const all = await balancing.registrationsOf(incident.instance, addresses, signal)
        const found = all.map(one => JSON.stringify(one)).toSorted()
        const more = found.length - MAX_REGISTRATIONS
        return {
          done: all.map(one => `Found the instance registered with ${nameOf(one)}`),
          unable: more > 0 ? [`${more} more registrations with load balancers are left as they are`] : [],
          facts: { found: found.slice(0, MAX_REGISTRATIONS) },
        }
      }
      const done = await changeEach('deregister from', known.map(parsed), nameOf, async one => {
        await balancing.deregister(one, signal)
        return `Deregistered the instance from ${nameOf(one)}`
      })
      return { done, unable: [], facts: { found: known } }
    },

    async verify({ incident, signal }) {
      const known = (foundIn(incident) ?? []).map(parsed)
      const notes = await Promise.all(
        known.map(async one => {
          const live = (await balancing.registrationsBeside(one, signal)) ?? []
          return live.some(other => isSame(one, other)) ? `Registered with ${nameOf(one)}` : []
        }),
      )
      return { holds: notes.flat().length === 0, notes: notes.flat() }
    },

    async drifted({ incident, signal }) {
      const known = (foundIn(incident) ?? []).map(parsed)
      const places = [...Map.groupBy(known, placeOf)]
      const drifts = await Promise.all(
        places.map(async ([resource, before]): Promise<readonly Drift[]> => {
          const [one] = before
          if (!one) return []
          const live = await balancing.registrationsBeside(one, signal)
          const left = 'without the instance'
          if (!live) return [{ resource, left, found: 'deleted' }]
          // Registered as before it is put back already.
          const others = live.filter(other => !before.some(own => isSame(own, other)))
          return others.map(other => ({ resource, left, found: `with it as ${targetOf(other)}` }))
        }),
      )
      return drifts.flat()
    },

    async revert({ incident, signal }) {
      const known = (foundIn(incident) ?? []).map(parsed)
      const outcomes = await changeEach('register with', known, nameOf, async one => ({
        one,
        refused: await balancing.register(one, signal),
      }))
      return {
        done: outcomes.flatMap(({ one, refused }) =>
          refused ? [] : `Registered the instance with ${nameOf(one)} again`,
        ),
        unable: outcomes.flatMap(({ one, refused }) =>
          refused ? `The instance cannot be registered with ${nameOf(one)} again (${refused})` : [],
        ),
        facts: {},
      }
    },

    undo: incident =>
      (foundIn(incident) ?? []).map(parsed).map(one => {
        if ('balancer' in one) {
          const words = ['--load-balancer-name', one.balancer, '--instances', one.instance]
          return awsCommand(incident, 'elb', 'register-instances-with-load-balancer', ...words)
        }
        const target = JSON.stringify([one.target])
        return awsCommand(incident, 'elbv2', 'register-targets', '--target-group-arn', one.group, '--targets', target)
      }),
  }
}

/** `undefined`: nobody has looked yet. */
function foundIn({ steps }: Incident): readonly string[] | undefined {
  const found = steps[id]?.facts['found']
  return Array.isArray(found) ? found : undefined
}

function parsed(text: string): Registration {
  return Registration.parse(JSON.parse(text))
}

function isSame(one: Registration, other: Registration): boolean {
  return placeOf(one) === placeOf(other) && targetOf(one) === targetOf(other)
}

function placeOf(one: Registration): string {
  if ('balancer' in one) return `load balancer ${one.balancer}`
  const [, name = one.group] = /:targetgroup\/([^/]+)\//.exec(one.group) ?? []
  return `target group ${name}`
}

function targetOf(one: Registration): string {
  if ('balancer' in one) return one.instance
  const { Id, Port } = one.target
  return `${Id}${Port === undefined ? '' : ` port ${Port}`}`
}

function nameOf(one: Registration): string {
  return 'balancer' in one ? placeOf(one) : `${placeOf(one)} as ${targetOf(one)}`
}
