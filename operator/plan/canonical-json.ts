/** JSON with sorted keys: the same value always gives the same text, so that hashes compare. */
export const canonicalJson = (value: unknown): string => JSON.stringify(sorted(value));

/** What is in order already, as the API server sends custom resources, is taken as it is: each reconcile asks for some. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isComposite(value)) return value;
  const keys = Object.keys(value);
  const inOrder = keys.every((key, index) => index === 0 || (keys[index - 1] ?? '') < key);
  if (inOrder && !Object.values(value).some(isComposite)) return value;
  return Object.fromEntries((inOrder ? keys : keys.sort()).map((key) => [key, sorted(value[key])]));
}

/** An object or a list. */
export const isComposite = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
