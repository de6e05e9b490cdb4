/**
 * Text from outside, as it may stand in a message: whatever moves a cursor, colours a terminal or turns the direction of
 * the line is spelled out instead. Names of databases are what any client made of them, so this is not only for attacks.
 */
const UNSEEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** One line, whatever the text was: a line break becomes `\u000a`. */
export const visible = (text: string): string =>
  text.replace(UNSEEN, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
