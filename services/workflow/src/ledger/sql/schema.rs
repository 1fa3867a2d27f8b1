//! The schema, oldest change first. A migration that was released is never changed; what one database gets, the other gets too, and a
//! test compares what comes of them.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

type Change = (i64, &'static str, &'static str);

const POSTGRES: [Change; 10] = [
    (1, "ledger", include_str!("../../../migrations/postgres/1_ledger.sql")),
    (2, "domains", include_str!("../../../migrations/postgres/2_domains.sql")),
    (3, "collaborators", include_str!("../../../migrations/postgres/3_collaborators.sql")),
    (4, "shapes", include_str!("../../../migrations/postgres/4_shapes.sql")),
    (5, "restarts", include_str!("../../../migrations/postgres/5_restarts.sql")),
    (6, "destroying", include_str!("../../../migrations/postgres/6_destroying.sql")),
    (7, "builds", include_str!("../../../migrations/postgres/7_builds.sql")),
    (8, "release_phase", include_str!("../../../migrations/postgres/8_release_phase.sql")),
    (9, "pulled", include_str!("../../../migrations/postgres/9_pulled.sql")),
    (10, "allow_root", include_str!("../../../migrations/postgres/10_allow_root.sql")),
];

const SQLITE: [Change; 1] = [(1, "ledger", include_str!("../../../migrations/sqlite/1_ledger.sql"))];

pub(super) fn postgres() -> Migrator {
    migrator(&POSTGRES)
}

pub(super) fn sqlite() -> Migrator {
    migrator(&SQLITE)
}

fn migrator(changes: &[Change]) -> Migrator {
    let migrations = changes.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}
