use std::collections::BTreeMap;

use deis_workflow::ledger::sql::SqlLedger;
use deis_workflow::ledger::{Deploys as _, Domains as _};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgPool, Row as _, SqlSafeStr as _, SqlitePool, query};

use super::server;

/// A ledger of the first version, with an app in it.
#[tokio::test]
async fn apps_from_before_there_were_domains_keep_their_own() {
    let options = server::database().await;
    let first = include_str!("../../migrations/postgres/1_ledger.sql");
    let first = Migration::new(1, "ledger".into(), MigrationType::Simple, first.into_sql_str(), false);
    let pool = PgPool::connect_with(options.clone()).await.unwrap();
    Migrator::with_migrations(vec![first]).run(&pool).await.unwrap();
    let old = "INSERT INTO users VALUES ('bob', '', '', '', '', true, true, true, NULL, 0);
               INSERT INTO apps VALUES ('shop', gen_random_uuid(), 'bob', '{}', 1, 0, 0, 0)";
    pool.execute(old).await.unwrap();
    let ledger = SqlLedger::postgres(options);
    ledger.migrate().await.unwrap();
    let domains = ledger.all_domains(&"shop".parse().unwrap()).await.unwrap();
    assert_eq!(domains, ["shop".parse().unwrap()].into());
    assert!(ledger.unsettled().await.unwrap().is_empty());
}

/// `helm rollback` starts a version that knows fewer migrations: neither its list nor the additions are in its way.
#[tokio::test]
async fn an_older_version_takes_the_ledger_of_a_newer_one() {
    let options = server::database().await;
    SqlLedger::postgres(options.clone()).migrate().await.unwrap();
    let pool = PgPool::connect_with(options.clone()).await.unwrap();

    // The first versions know nine migrations, and have no patience with another one.
    let noted = query("SELECT version FROM _sqlx_migrations ORDER BY version").fetch_all(&pool).await.unwrap();
    let noted = noted.iter().map(|row| row.get::<i64, _>(0)).collect::<Vec<_>>();
    assert_eq!(noted, [1, 2, 3, 4, 5, 6, 7, 8, 9]);

    // Any later one: of the additions it does not mind one that it does not know.
    pool.execute("INSERT INTO _additions VALUES (99, 'later', now(), true, '\\x00', 0)").await.unwrap();
    SqlLedger::postgres(options).migrate().await.unwrap();
}

/// What one of the databases gets, the other gets too: tables, columns, and which of them may be empty.
#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let options = server::database().await;
    SqlLedger::postgres(options.clone()).migrate().await.unwrap();
    let pool = PgPool::connect_with(options).await.unwrap();
    let columns = "SELECT table_name::text, column_name::text, is_nullable = 'NO' FROM information_schema.columns
                   WHERE table_schema = 'public' AND table_name NOT IN ('_sqlx_migrations', '_additions')";
    let of_row = |row: PgRow| ((row.get::<String, _>(0), row.get::<String, _>(1)), row.get::<bool, _>(2));
    let postgres = query(columns).map(of_row).fetch_all(&pool).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    SqlLedger::sqlite(&file).migrate().await.unwrap();
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(file)).await.unwrap();
    let columns = "SELECT tables.name, columns.name, columns.\"notnull\"
                   FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
                   WHERE tables.type = 'table' AND tables.name NOT IN ('_sqlx_migrations', '_additions')";
    let of_row = |row: SqliteRow| ((row.get::<String, _>(0), row.get::<String, _>(1)), row.get::<bool, _>(2));
    let sqlite = query(columns).map(of_row).fetch_all(&pool).await.unwrap();

    let [postgres, sqlite] = [postgres, sqlite].map(|columns| columns.into_iter().collect::<BTreeMap<_, _>>());
    assert!(postgres.len() > 80, "{postgres:?}");
    assert_eq!(postgres, sqlite);
}

/// What is asked for often, or by anybody, is not looked for in a whole table.
#[tokio::test]
async fn fingerprints_and_what_was_done_to_accounts_are_found_by_an_index() {
    let questions = [
        ("SELECT * FROM keys WHERE fingerprint = 'a'", "keys_of_fingerprint"),
        (
            "SELECT * FROM audit WHERE subject NOT LIKE 'app:%' ORDER BY at DESC, subject, number DESC LIMIT 1",
            "audit_of_accounts",
        ),
    ];
    let options = server::database().await;
    SqlLedger::postgres(options.clone()).migrate().await.unwrap();
    let mut postgres = PgConnection::connect_with(&options).await.unwrap();
    // Of an empty table all is read otherwise.
    postgres.execute("SET enable_seqscan = off").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    SqlLedger::sqlite(&file).migrate().await.unwrap();
    let sqlite = SqlitePool::connect_with(SqliteConnectOptions::new().filename(file)).await.unwrap();
    for (question, index) in questions {
        let plan = query(AssertSqlSafe(format!("EXPLAIN {question}"))).fetch_all(&mut postgres).await.unwrap();
        let plan = plan.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n");
        assert!(plan.contains(index) && !plan.contains("Sort"), "{plan}");
        let plan = query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}"))).fetch_all(&sqlite).await.unwrap();
        let plan = plan.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n");
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}
