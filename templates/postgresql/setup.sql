{{% CONTENT_TYPE:TEXT}}
-- pgkvm formatVersion {{formatVersion}}
-- Roles, databases and extensions. For psql, as the superuser over the local socket:
--     psql --no-psqlrc --quiet --dbname=postgres --file=-
-- What is there already stays, so that running this again changes nothing.
\set ON_ERROR_STOP on
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET client_min_messages = warning;

-- Passwords arrive as SCRAM verifiers; not even those belong in the log or in pg_stat_statements.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track = 'none';
{{#roles}}

SELECT format('CREATE ROLE %I', {{literal}})
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {{literal}}) \gexec
ALTER ROLE {{identifier}} WITH LOGIN {{replication}};
{{#verifier}}
ALTER ROLE {{identifier}} PASSWORD {{verifier}};
{{/verifier}}
{{/roles}}
{{#memberships}}

GRANT {{group}} TO {{member}};
{{/memberships}}
{{#databases}}

SELECT format('CREATE DATABASE %I OWNER %I', {{literal}}, {{ownerLiteral}})
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = {{literal}}) \gexec
{{#isPrivate}}
REVOKE ALL ON DATABASE {{identifier}} FROM PUBLIC;
{{/isPrivate}}
{{/databases}}
{{#databases}}

\connect -reuse-previous=on {{connectArgument}}
SET client_min_messages = warning;
-- Since PostgreSQL 15 this is the default; a database that was taken over from earlier may still be open to everybody.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
{{#extensions}}
CREATE EXTENSION IF NOT EXISTS {{.}} CASCADE;
{{/extensions}}
{{/databases}}
