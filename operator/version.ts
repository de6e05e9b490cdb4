/** The version of Poolkeeper itself; the tests hold it against package.json and the chart. */
export const OPERATOR_VERSION = '0.1.0';
