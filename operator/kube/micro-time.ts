/** metav1.MicroTime: exactly six digits behind the point, or the API server refuses it. */
export const microTime = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace(/(\.\d{3})Z$/, '$1000Z');
