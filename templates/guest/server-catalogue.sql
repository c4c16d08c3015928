-- What a PostgreSQL server says of itself, as one JSON document. For psql, as a superuser, with these variables:
--   packages  names of further packages of the archive, separated by blanks; may be left out
--   scratch   set when the cluster is there for this question only: then words are tried on it with ALTER SYSTEM
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
\if :{?packages}
\else
\set packages ''
\endif
-- psql runs beside the server: the names that setlocale takes there.
\set installed `locale -a 2>/dev/null`
CREATE TEMP TABLE taken (name text, word text);
\if :{?scratch}
-- Words that an enum takes and pg_settings does not show, such as `true` for `on`. The server decides; these are only asked about.
CREATE TEMP TABLE attempt AS
    SELECT name, word FROM pg_settings, unnest('{on,off,true,false,yes,no,1,0,debug,archive,hot_standby}'::text[]) AS word
    WHERE vartype = 'enum' AND context <> 'internal' AND NOT word = ANY (enumvals);
\set file `mktemp`
\set files `mktemp`
SELECT format(E'ALTER SYSTEM SET %I = %L;\nINSERT INTO taken SELECT %L, NULL WHERE :''SQLSTATE'' = ''55P02'';', name, reset_val, name)
    FROM pg_settings WHERE context <> 'internal' \g :files
SELECT format(E'ALTER SYSTEM SET %I = %L;\n\\if :ERROR\n\\else\nINSERT INTO taken VALUES (%L, %L);\n\\endif', name, word, name, word)
    FROM attempt \g :file
-- glibc 2.38 brought binary numbers to the function that reads integers.
\set ON_ERROR_STOP off
\set VERBOSITY terse
\i :file
-- Settings that no configuration file may hold: `parameter cannot be changed`.
\i :files
SET statement_timeout = '0b0';
\if :ERROR
\else
INSERT INTO taken VALUES ('', 'binary');
\endif
\set ON_ERROR_STOP on
\setenv file :file
\setenv files :files
\! rm -f "$file" "$files"
\endif
SELECT json_build_object(
    'formatVersion', 1,
    'majorVersion', current_setting('server_version_num')::int / 10000,
    'settings', (
        SELECT json_agg(json_build_object(
            'name', s.name, 'type', s.vartype, 'unit', s.unit, 'minimum', s.min_val, 'maximum', s.max_val, 'words', s.enumvals,
            'furtherWords', (SELECT json_agg(t.word ORDER BY t.word) FROM taken t WHERE t.name = s.name AND t.word IS NOT NULL),
            'isFixed', s.context = 'internal' OR EXISTS (SELECT FROM taken t WHERE t.name = s.name AND t.word IS NULL),
            'context', s.context, 'bootValue', s.boot_val) ORDER BY s.name COLLATE "C")
        FROM pg_settings s),
    'readsBinaryIntegers', EXISTS (SELECT FROM taken WHERE name = ''),
    'extensions', (SELECT coalesce(json_agg(name::text ORDER BY name), '[]') FROM pg_available_extensions),
    'packages', (SELECT coalesce(json_agg(p ORDER BY p COLLATE "C"), '[]') FROM regexp_split_to_table(:'packages', '\s+') AS p WHERE p <> ''),
    'libraries', (
        SELECT coalesce(json_agg(substr(f, 1, length(f) - 3) ORDER BY f COLLATE "C"), '[]')
        FROM pg_config() AS c, pg_ls_dir(c.setting) AS f WHERE c.name = 'PKGLIBDIR' AND f LIKE '%.so'),
    'localeSources', (SELECT coalesce(json_agg(f ORDER BY f COLLATE "C"), '[]') FROM pg_ls_dir('/usr/share/i18n/locales', true, false) AS f),
    'charmaps', (
        SELECT coalesce(json_agg(regexp_replace(f, '\.gz$', '') ORDER BY f COLLATE "C"), '[]') FROM pg_ls_dir('/usr/share/i18n/charmaps', true, false) AS f),
    'unicodeLocales', (
        SELECT coalesce(json_agg(m[1] ORDER BY m[1] COLLATE "C"), '[]')
        FROM regexp_matches(coalesce(pg_read_file('/usr/share/i18n/SUPPORTED', 0, 1000000, true), ''), '^([^ .\n]+) +UTF-8 *$', 'gn') AS m),
    'locales', (SELECT coalesce(json_agg(l ORDER BY l COLLATE "C"), '[]') FROM regexp_split_to_table(:'installed', '\s+') AS l WHERE l <> ''),
    'timeZones', (SELECT coalesce(json_agg(name ORDER BY name COLLATE "C"), '[]') FROM pg_timezone_names)
);
