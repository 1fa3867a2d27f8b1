//! The schema, oldest change first. A migration that was released is never changed; what one database gets, the other gets too, and a
//! test compares what comes of them.
//!
//! A migration only adds, with defaults, so that the version before serves on what the next one has made: `helm rollback` works.
//! The first versions refuse a ledger in whose list there is a migration that they do not know. So that list is closed, and what came
//! after it has one of its own, in which a version does not mind what it does not know.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

type Change = (i64, &'static str, &'static str);

/// The list that is closed.
const POSTGRES: [Change; 9] = [
    (1, "ledger", include_str!("../../../migrations/postgres/1_ledger.sql")),
    (2, "domains", include_str!("../../../migrations/postgres/2_domains.sql")),
    (3, "collaborators", include_str!("../../../migrations/postgres/3_collaborators.sql")),
    (4, "shapes", include_str!("../../../migrations/postgres/4_shapes.sql")),
    (5, "restarts", include_str!("../../../migrations/postgres/5_restarts.sql")),
    (6, "destroying", include_str!("../../../migrations/postgres/6_destroying.sql")),
    (7, "builds", include_str!("../../../migrations/postgres/7_builds.sql")),
    (8, "release_phase", include_str!("../../../migrations/postgres/8_release_phase.sql")),
    (9, "pulled", include_str!("../../../migrations/postgres/9_pulled.sql")),
];

const POSTGRES_ADDITIONS: [Change; 9] = [
    (10, "allow_root", include_str!("../../../migrations/postgres/10_allow_root.sql")),
    (11, "autoscale", include_str!("../../../migrations/postgres/11_autoscale.sql")),
    (12, "settings", include_str!("../../../migrations/postgres/12_settings.sql")),
    (13, "certificates", include_str!("../../../migrations/postgres/13_certificates.sql")),
    (14, "lifecycle", include_str!("../../../migrations/postgres/14_lifecycle.sql")),
    (15, "audit", include_str!("../../../migrations/postgres/15_audit.sql")),
    (16, "idempotency_keys", include_str!("../../../migrations/postgres/16_idempotency_keys.sql")),
    (17, "account_activity", include_str!("../../../migrations/postgres/17_account_activity.sql")),
    (18, "fingerprints", include_str!("../../../migrations/postgres/18_fingerprints.sql")),
];

const SQLITE: [Change; 1] = [(1, "ledger", include_str!("../../../migrations/sqlite/1_ledger.sql"))];

const SQLITE_ADDITIONS: [Change; 8] = [
    (11, "autoscale", include_str!("../../../migrations/sqlite/11_autoscale.sql")),
    (12, "settings", include_str!("../../../migrations/sqlite/12_settings.sql")),
    (13, "certificates", include_str!("../../../migrations/sqlite/13_certificates.sql")),
    (14, "lifecycle", include_str!("../../../migrations/sqlite/14_lifecycle.sql")),
    (15, "audit", include_str!("../../../migrations/sqlite/15_audit.sql")),
    (16, "idempotency_keys", include_str!("../../../migrations/sqlite/16_idempotency_keys.sql")),
    (17, "account_activity", include_str!("../../../migrations/sqlite/17_account_activity.sql")),
    (18, "fingerprints", include_str!("../../../migrations/sqlite/18_fingerprints.sql")),
];

/// Where the databases note which additions they have.
const ADDITIONS: &str = "_additions";

/// To be run in this order.
pub(super) fn postgres() -> [Migrator; 2] {
    [migrator(&POSTGRES), additions(&POSTGRES_ADDITIONS)]
}

/// To be run in this order.
pub(super) fn sqlite() -> [Migrator; 2] {
    [migrator(&SQLITE), additions(&SQLITE_ADDITIONS)]
}

fn additions(changes: &[Change]) -> Migrator {
    let mut migrator = migrator(changes);
    migrator.dangerous_set_table_name(ADDITIONS);
    migrator
}

fn migrator(changes: &[Change]) -> Migrator {
    let migrations = changes.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_ignore_missing(true);
    migrator
}
