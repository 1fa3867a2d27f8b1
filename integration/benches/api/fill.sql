-- 10,000 apps, to be used by `bob`: 9,900 of them are his, the others are shared with him. Each has two builds and five releases, one
-- in twenty a sixth that failed, and one in ten is shared with two more.
BEGIN;

INSERT INTO users (username, email, first_name, last_name, password, is_superuser, is_staff, is_active, joined)
SELECT 'user-' || number, '', '', '', '!', false, false, true, 1700000000000 FROM generate_series(0, 99) number;

CREATE TEMPORARY TABLE filled AS
SELECT number,
       'app-' || to_char(number, 'FM00000') AS app,
       CASE WHEN number % 100 = 0 THEN 'user-' || number / 100 ELSE 'bob' END AS owner,
       1700000000000 + number * 1000 AS at
FROM generate_series(0, 9999) number;

INSERT INTO apps (id, uuid, owner, structure, desired_release, fence, intent, settled, created, updated)
SELECT app, gen_random_uuid(), owner, '{"web": 1, "worker": 2}', 5, 4, 4, 4, at, at + 500 FROM filled;

INSERT INTO domains (domain, app, owner, created) SELECT app, app, owner, at FROM filled;

INSERT INTO collaborators (app, username, granted)
SELECT app, 'bob', at FROM filled WHERE owner <> 'bob'
UNION ALL
SELECT app, 'user-' || guest, at FROM filled, generate_series(1, 2) guest WHERE number % 10 = 1;

INSERT INTO configs (uuid, app, owner, entries, created)
SELECT md5(app || ' config ' || version)::uuid, app, owner,
       CASE WHEN version = 1 THEN '{}' ELSE '{"DATABASE_URL": "postgres://db/app", "WEB_CONCURRENCY": "2"}'::jsonb END, at
FROM filled, generate_series(1, 2) version;

INSERT INTO builds (uuid, app, owner, image, sha, procfile, dockerfile, created)
SELECT md5(app || ' build ' || version)::uuid, app, owner, '127.0.0.1:5555/' || app || '@sha256:' || md5(app) || md5(owner),
       left(md5(app) || md5(version::text), 40),
       '{"web": "bundle exec puma --config config/puma.rb", "worker": "bundle exec sidekiq --concurrency 5"}', '', at + version
FROM filled, generate_series(1, 2) version;

INSERT INTO releases (uuid, app, version, owner, summary, summary_if_failed, state, config, build, created, updated)
SELECT gen_random_uuid(), app, version, owner, owner || ' deployed ' || left(md5(app), 7), '',
       CASE WHEN version = 6 THEN 'failed' ELSE 'good' END,
       md5(app || ' config ' || CASE WHEN version = 1 THEN 1 ELSE 2 END)::uuid,
       -- An app, its config, a push, another push, a rollback to the first.
       CASE WHEN version > 2 THEN md5(app || ' build ' || CASE WHEN version = 4 THEN 2 ELSE 1 END)::uuid END,
       at + version, at + version
FROM filled, generate_series(1, 6) version WHERE version < 6 OR number % 20 = 7;

COMMIT;

-- As autovacuum does some time later.
VACUUM ANALYZE;
