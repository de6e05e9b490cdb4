/**
 * The SQL that a database administrator runs once, so that PgBouncer may ask for passwords: a function that tells the
 * stored password of one role, and a role that may call it and nothing else. No superuser is told, nobody whose role has
 * expired, and nobody else can call it.
 */

/** Who asks: a role by its name, or the variable `lookup_user` of psql. */
export type LookupRole = { readonly name: string } | 'variable';

export interface LookupSql {
  readonly schema: string;
  readonly role: LookupRole;
}

export const LOOKUP_SCHEMA = 'pooler';
export const LOOKUP_FUNCTION = 'user_lookup';
/** Names that need no thought about quoting, wherever they stand. */
export const isPlainName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/.test(name);

/** Creates what is missing, and replaces what is there; a second time changes nothing. */
export function installLookup({ schema, role }: LookupSql): string {
  const lookup = `"${schema}".${LOOKUP_FUNCTION}(text)`;
  const { identifier } = quoted(role);
  return `BEGIN;
${createRole(role)}
CREATE SCHEMA IF NOT EXISTS "${schema}";
-- Whoever owns the schema could put another function in its place.
ALTER SCHEMA "${schema}" OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA "${schema}" FROM PUBLIC;
DROP FUNCTION IF EXISTS ${lookup};
-- No row for who may not log in: PgBouncer then answers "no such user", and keeps its connection.
CREATE FUNCTION "${schema}".${LOOKUP_FUNCTION}(i_username text) RETURNS TABLE (uname text, phash text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $lookup$
  SELECT rolname::text, rolpassword
  FROM pg_catalog.pg_authid
  WHERE rolname = i_username
    AND rolcanlogin
    AND NOT rolsuper
    AND rolpassword IS NOT NULL
    AND (rolvaliduntil IS NULL OR rolvaliduntil > now())
$lookup$;
REVOKE ALL ON FUNCTION ${lookup} FROM PUBLIC;
GRANT USAGE ON SCHEMA "${schema}" TO ${identifier};
GRANT EXECUTE ON FUNCTION ${lookup} TO ${identifier};
COMMIT;
`;
}

/** Removes function and schema; the role stays, because other databases may have the function too. */
export const removeLookup = ({ schema }: Pick<LookupSql, 'schema'>): string => `BEGIN;
DROP FUNCTION IF EXISTS "${schema}".${LOOKUP_FUNCTION}(text);
DO $remove$ BEGIN
  DROP SCHEMA IF EXISTS "${schema}";
EXCEPTION WHEN dependent_objects_still_exist THEN
  RAISE NOTICE 'the schema ${schema} holds other objects, and stays';
END $remove$;
COMMIT;
`;

/** The query that calls the function, as it stands in `auth.query.sql`. */
export const lookupQuery = (schema: string): string =>
  `SELECT uname, phash FROM ${/^[a-z_][a-z0-9_]*$/.test(schema) ? schema : `"${schema}"`}.${LOOKUP_FUNCTION}($1)`;

const quoted = (role: LookupRole): { readonly identifier: string; readonly literal: string } =>
  role === 'variable'
    ? { identifier: ':"lookup_user"', literal: ":'lookup_user'" }
    : { identifier: `"${role.name}"`, literal: `'${role.name}'` };

function createRole(role: LookupRole): string {
  const { identifier, literal } = quoted(role);
  const attributes = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION';
  // Variables of psql mean nothing inside of a body.
  if (role === 'variable')
    return `SELECT format('CREATE ROLE %I ${attributes}', ${literal}) WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal}) \\gexec`;
  return `DO $role$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal}) THEN
    CREATE ROLE ${identifier} ${attributes};
  END IF;
END $role$;`;
}
