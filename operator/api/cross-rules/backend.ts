/** Rules about backends. */
import type { CrossRule } from './rule.ts';

export const backendRules: readonly CrossRule[] = [
  {
    cel: 'self.backends.all(b, has(b.host) != has(b.service))',
    message: 'each backend has exactly one of host and service',
    fieldPath: '.backends',
    check: (spec) =>
      spec.backends.flatMap((backend, index) =>
        (backend.host === undefined) === (backend.service === undefined)
          ? [
              {
                path: `spec.backends[${index}]`,
                value: backend.name,
                problem: backend.host === undefined ? 'has neither host nor service' : 'has both host and service',
                remedy: 'give exactly one of them',
              },
            ]
          : [],
      ),
  },
];
