/**
 * Fills the templates of connection Secrets. A placeholder is encoded for a URL unless it says otherwise, because a
 * password with an @ in it is what breaks hand-made connection strings.
 */
import type { FORMS, PLACEHOLDERS } from '../api/schema/connection-secrets.ts';

type Placeholder = (typeof PLACEHOLDERS)[number];
type Form = (typeof FORMS)[number];

/** What each placeholder stands for, as it is. */
export type ConnectionValues = Readonly<Record<Placeholder, string>>;

const WRITTEN: Readonly<Record<Form, (value: string) => string>> = {
  raw: (value) => value,
  // As libpq reads `key='value'`.
  quoted: (value) => `'${value.replace(/['\\]/g, '\\$&')}'`,
  json: (value) => JSON.stringify(value),
};

/** @param template as the schema takes it */
export const fillTemplate = (template: string, values: ConnectionValues): string =>
  template.replace(/\{\{|\}\}|\{([a-z-]+)(?::([a-z]+))?\}/g, (found, name?: Placeholder, form?: Form) => {
    if (name === undefined) return found.slice(1);
    const value = values[name];
    if (form !== undefined) return WRITTEN[form](value);
    return name === 'host' || name === 'direct-host' ? urlHost(value) : urlText(value);
  });

/** Percent-encoded to the unreserved characters of RFC 3986: `!'()*`, which encodeURIComponent keeps, stop some parsers. */
export const urlText = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** IPv6 addresses stand in brackets; a directory of a Unix socket is encoded. */
export const urlHost = (host: string): string =>
  host
    .split(',')
    .map((one) => (one.includes(':') && !one.startsWith('[') ? `[${one}]` : one.startsWith('/') ? urlText(one) : one))
    .join(',');

/** One line of a password file: a colon or a backslash in a field is escaped. */
export const passwordFileLine = (fields: readonly string[]): string =>
  `${fields.map((field) => field.replace(/[:\\]/g, '\\$&')).join(':')}\n`;
