/** Lists in messages: hundreds of names help nobody, and a status has its limits. */

/** The first ones, and as the last item how many more there are. */
export const atMost = (items: readonly string[], limit: number): readonly string[] =>
  items.length <= limit ? items : [...items.slice(0, limit), `and ${items.length - limit} more`];

/** `a, b and 3 more` */
export const listed = (names: readonly string[], limit: number): string => {
  const more = names.length > limit ? ` and ${names.length - limit} more` : '';
  return `${names.slice(0, limit).join(', ')}${more}`;
};
