/** Labels and annotations that users give to objects: what the API server would refuse only when the object is written. */
import type { Fault } from '../api/fault.ts';
import { API_GROUP, LABEL_INSTANCE, LABEL_MANAGED_BY, LABEL_NAME } from '../api/names.ts';

type Names = Readonly<Record<string, string>>;

const OWN_LABELS: ReadonlySet<string> = new Set([LABEL_NAME, LABEL_INSTANCE, LABEL_MANAGED_BY]);
const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** @param path of the object's metadata: `spec.template.metadata` */
export function metadataFaults(
  path: string,
  { labels = {}, annotations = {} }: { readonly labels?: Names | undefined; readonly annotations?: Names | undefined },
): readonly Fault[] {
  return [
    ...nameFaults(`${path}.labels`, labels),
    ...nameFaults(`${path}.annotations`, annotations),
    ...Object.entries(labels).flatMap(([key, value]): readonly Fault[] =>
      value === '' || NAME.test(value)
        ? []
        : [
            {
              path: `${path}.labels.${key}`,
              value,
              problem: 'cannot be the value of a label',
              remedy:
                'write at most 63 letters, digits and -_. with a letter or digit at both ends, or make it an annotation',
            },
          ],
    ),
  ];
}

const nameFaults = (path: string, names: Names): readonly Fault[] =>
  Object.keys(names).flatMap((name): readonly Fault[] => {
    if (name.startsWith(`${API_GROUP}/`) || OWN_LABELS.has(name))
      return [{ path: `${path}.${name}`, problem: 'belongs to the operator', remedy: 'choose another name' }];
    return isQualified(name)
      ? []
      : [
          {
            path: `${path}.${name}`,
            problem: 'cannot be the name of a label or an annotation',
            remedy: 'write it as name or example.com/name, with at most 63 letters, digits and -_. in the name',
          },
        ];
  });

function isQualified(text: string): boolean {
  const [first = '', second, more] = text.split('/');
  if (more !== undefined) return false;
  if (second === undefined) return NAME.test(first);
  return NAME.test(second) && first.length <= 253 && PREFIX.test(first.toLowerCase());
}
