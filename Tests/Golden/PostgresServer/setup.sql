-- pgkvm formatVersion 1
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

SELECT format('CREATE ROLE %I', 'pgkvm')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pgkvm') \gexec
ALTER ROLE "pgkvm" WITH LOGIN NOREPLICATION;
ALTER ROLE "pgkvm" PASSWORD 'SCRAM-SHA-256$4096:own';

SELECT format('CREATE ROLE %I', 'app')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'app') \gexec
ALTER ROLE "app" WITH LOGIN NOREPLICATION;
ALTER ROLE "app" PASSWORD 'SCRAM-SHA-256$4096:app';

SELECT format('CREATE ROLE %I', E'o''brien "x" $1 \\ü😀 a=b')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'o''brien "x" $1 \\ü😀 a=b') \gexec
ALTER ROLE "o'brien ""x"" $1 \ü😀 a=b" WITH LOGIN NOREPLICATION;

GRANT "pg_monitor" TO "pgkvm";

GRANT "pg_use_reserved_connections" TO "pgkvm";

GRANT "app" TO "o'brien ""x"" $1 \ü😀 a=b";

GRANT "pg_read_all_data" TO "o'brien ""x"" $1 \ü😀 a=b";

SELECT format('CREATE DATABASE %I OWNER %I', 'pgkvm', 'pgkvm')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'pgkvm') \gexec
REVOKE ALL ON DATABASE "pgkvm" FROM PUBLIC;

SELECT format('CREATE DATABASE %I OWNER %I', 'shop', 'app')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'shop') \gexec

SELECT format('CREATE DATABASE %I OWNER %I', E'o''brien "x" $1 \\ü😀 a=b', E'o''brien "x" $1 \\ü😀 a=b')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = E'o''brien "x" $1 \\ü😀 a=b') \gexec

\connect -reuse-previous=on "dbname='pgkvm'"
SET client_min_messages = warning;
-- Since PostgreSQL 15 this is the default; a database that was taken over from earlier may still be open to everybody.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS "pg_stat_statements" CASCADE;

\connect -reuse-previous=on "dbname='shop'"
SET client_min_messages = warning;
-- Since PostgreSQL 15 this is the default; a database that was taken over from earlier may still be open to everybody.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS "pg_trgm" CASCADE;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" CASCADE;

\connect -reuse-previous=on "dbname='o\'brien ""x"" $1 \\ü😀 a=b'"
SET client_min_messages = warning;
-- Since PostgreSQL 15 this is the default; a database that was taken over from earlier may still be open to everybody.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
