/** Rules about backends. */
import type { Backend } from '../types.ts';
import type { CrossRule } from './rule.ts';

/** The ways to say where a server is. */
const ADDRESSES = ['host', 'hosts', 'service', 'cnpgCluster'] as const satisfies readonly (keyof Backend)[];

export const backendRules: readonly CrossRule[] = [
  {
    cel: `self.backends.all(b, [${ADDRESSES.map((field) => `has(b.${field})`).join(', ')}].filter(x, x).size() == 1)`,
    message: 'each backend has exactly one of host, hosts, service and cnpgCluster',
    fieldPath: '.backends',
    check: (spec) =>
      spec.backends.flatMap((backend, index) => {
        const given = ADDRESSES.filter((field) => backend[field] !== undefined);
        return given.length === 1
          ? []
          : [
              {
                path: `spec.backends[${index}]`,
                value: backend.name,
                problem: given.length === 0 ? `has none of ${ADDRESSES.join(', ')}` : `has ${given.join(' and ')}`,
                remedy: 'give exactly one of them',
              },
            ];
      }),
  },
];
