import { announce, type ClassicBalancer, type Cloud } from '../cloud.ts'
import type { Parameters } from '../ec2/parameters.ts'
import { Refusal } from '../ec2/refusal.ts'
import type { Tree } from '../ec2/xml.ts'
import { page } from './pages.ts'

function balancerOf({ balancers }: Cloud, name: string): ClassicBalancer {
  const balancer = balancers?.get(name)
  if (!balancer) throw new Refusal('LoadBalancerNotFound', `There is no ACTIVE Load Balancer named '${name}'`)
  return balancer
}

export function describeLoadBalancers(cloud: Cloud, parameters: Parameters): Tree {
  const names = parameters.list('LoadBalancerNames.member')
  const all = names.length > 0 ? names.map(name => balancerOf(cloud, name)) : [...(cloud.balancers?.values() ?? [])]
  const { items, marker } = page(all, parameters)
  return {
    LoadBalancerDescriptions: items.map(({ name, vpc, instances }) => ({
      LoadBalancerName: name,
      DNSName: `${name}.${cloud.region}.elb.example.com`,
      VPCId: vpc,
      Instances: instances.map(InstanceId => ({ InstanceId })),
      CreatedTime: new Date(0),
    })),
    NextMarker: marker,
  }
}

/** All of them or none. One that is not registered is refused like one that does not exist. */
export function deregisterInstances(cloud: Cloud, parameters: Parameters): Tree {
  const balancer = balancerOf(cloud, parameters.required('LoadBalancerName'))
  const ids = givenInstances(cloud, parameters)
  for (const id of ids) if (!balancer.instances.includes(id)) throw notThere(id)
  balancer.instances = balancer.instances.filter(id => !ids.includes(id))
  announce(cloud, 'DeregisterInstancesFromLoadBalancer', balancer.name)
  return listed(balancer)
}

export function registerInstances(cloud: Cloud, parameters: Parameters): Tree {
  const balancer = balancerOf(cloud, parameters.required('LoadBalancerName'))
  const ids = givenInstances(cloud, parameters)
  balancer.instances = [...new Set([...balancer.instances, ...ids])]
  announce(cloud, 'RegisterInstancesWithLoadBalancer', balancer.name)
  return listed(balancer)
}

function listed({ instances }: ClassicBalancer): Tree {
  return { Instances: instances.map(InstanceId => ({ InstanceId })) }
}

function givenInstances({ instances }: Cloud, parameters: Parameters): string[] {
  const ids = parameters.structures('Instances.member').map(one => one.required('InstanceId'))
  for (const id of ids) {
    const state = instances.get(id)?.state
    if (state === undefined || state === 'terminated') throw notThere(id)
  }
  return ids
}

function notThere(id: string): Refusal {
  return new Refusal('InvalidInstance', `Could not find EC2 instance ${id}.`)
}
