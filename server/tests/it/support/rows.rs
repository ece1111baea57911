//! Looking into the database beside the wire, in SQL that both engines understand.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use yuyue::error::Error;
use yuyue_db::{Row, Statement, params};

use super::TestApp;

/// The kernel takes only texts that live as long as the program; a test's few may leak.
fn statement(sql: &str) -> &'static Statement {
    let sql: &'static str = sql.to_owned().leak();
    Box::leak(Box::new(Statement::new(sql, sql, file!(), line!())))
}

impl TestApp {
    /// Runs a change.
    pub async fn execute(&self, sql: &str) -> u64 {
        let statement = statement(sql);
        self.db.write("test", move |tx| Ok::<_, Error>(tx.execute(statement, params![])?)).await.unwrap()
    }

    /// Tries a change; gives what the database says to one it refuses.
    pub async fn try_execute(&self, sql: &str) -> Result<u64, String> {
        let statement = statement(sql);
        let tried = self.db.write("test", move |tx| Ok::<_, Error>(tx.execute(statement, params![])?));
        tried.await.map_err(|error| error.cause.unwrap_or_default())
    }

    /// The column `value` of every row, as text; NULL is "-".
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let statement = statement(sql);
        self.db
            .read("test", move |tx| {
                let rows = tx.query(statement, params![], |row| row.get::<Option<String>>("value"))?;
                Ok::<_, Error>(rows.into_iter().map(|value| value.unwrap_or_else(|| "-".into())).collect())
            })
            .await
            .unwrap()
    }

    /// The column `value` of the one row.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = statement(sql);
        self.db
            .read("test", move |tx| {
                Ok::<_, Error>(tx.query_one(statement, params![], |row| row.get("value"))?)
            })
            .await
            .unwrap()
    }

    /// Kind and recipient of what the outbox holds, is due and is not being done by anybody.
    /// Recurring jobs do not count: they are always there.
    pub async fn due_messages(&self) -> Vec<String> {
        let at = self.clock.now().at;
        self.texts(&format!(
            "SELECT kind || ' ' || recipient AS value FROM outbox
             WHERE state = 'waiting' AND unique_name IS NULL AND due_at <= {at} ORDER BY id"
        ))
        .await
    }

    /// One number for the contents of each table, but for what a refusal may leave: its row in the audit log, and
    /// when the credential was used.
    pub async fn checksums(&self) -> BTreeMap<String, u64> {
        let statement = *self.everything.get_or_init(|| self.select_everything()).await;
        let rows = self.db.read("test", move |tx| {
            let row = |row: &Row<'_>| Ok((row.get::<String>("name")?, row.get::<String>("value")?));
            Ok::<_, Error>(tx.query(statement, params![], row)?)
        });
        let mut sums: BTreeMap<String, DefaultHasher> = BTreeMap::new();
        for (table, row) in rows.await.unwrap() {
            row.hash(sums.entry(table).or_default());
        }
        sums.into_iter().map(|(table, hash)| (table, hash.finish())).collect()
    }

    /// A statement that gives every row of every table as a text.
    async fn select_everything(&self) -> &'static Statement {
        let engine = self.config.engine().unwrap();
        let lines = tokio::task::spawn_blocking(move || engine.describe_schema()).await.unwrap().unwrap();
        let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for line in &lines {
            // `table.column type …`; indexes and references have no dot before their first blank.
            if let Some((table, column)) = line.split(' ').next().and_then(|name| name.split_once('.')) {
                let is_of_use = ["used_at", "last_used_at"].contains(&column);
                tables
                    .entry(table)
                    .or_default()
                    .extend((!is_of_use).then(|| format!("coalesce(CAST({column} AS TEXT), '-')")));
            }
        }
        let select = |(table, columns): (&str, Vec<String>)| {
            let rows = match table {
                "audit" => "audit WHERE action NOT IN ('session.refused', 'session.locked')",
                table => table,
            };
            format!("SELECT '{table}' AS name, {} AS value FROM {rows}", columns.join(" || '|' || "))
        };
        let selects: Vec<String> = tables.into_iter().map(select).collect();
        statement(&format!("{} ORDER BY 1, 2", selects.join(" UNION ALL ")))
    }
}
