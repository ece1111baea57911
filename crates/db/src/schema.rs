//! What a schema looks like, in words that are the same for both engines.

use crate::db::Engine;
use crate::statement::{STATEMENTS, Statement};
use crate::{Error, Result};

impl Engine {
    /// One sorted line for each column, index and foreign key: equal schemas give equal lines.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the schema cannot be read.
    pub fn describe_schema(&self) -> Result<Vec<String>> {
        let mut lines = match self {
            Self::Sqlite(path) => describe_file(path).map_err(crate::sqlite::unavailable)?,
            Self::Postgres(config) => crate::postgres::block_on(describe_server(config))?,
        };
        lines.sort();
        Ok(lines)
    }

    /// Prepares every registered statement and gives those the engine refuses, with its reason.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be reached.
    pub fn refused_statements(&self) -> Result<Vec<(&'static Statement, String)>> {
        match self {
            Self::Sqlite(path) => {
                let connection = crate::sqlite::connect(path)?;
                let refuse = |statement: &'static Statement| {
                    connection.prepare(statement.sqlite()).err().map(|error| (statement, error.to_string()))
                };
                Ok(STATEMENTS.iter().filter_map(refuse).collect())
            }
            Self::Postgres(config) => crate::postgres::block_on(async {
                let client = crate::postgres::connect(config).await?;
                let mut refused = Vec::new();
                for statement in STATEMENTS {
                    if let Err(error) = client.prepare(statement.postgres()).await {
                        let reason =
                            error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
                        refused.push((statement, reason));
                    }
                }
                Ok(refused)
            }),
        }
    }

    /// Those of `statements` whose plan as a point read is not the quick one, with that plan: reading a
    /// whole table, or so dear that a penalty must be in it. The embedded engine plans each by its indexes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be reached.
    pub fn slow_points(
        &self,
        statements: &[&'static Statement],
    ) -> Result<Vec<(&'static Statement, String)>> {
        let Self::Postgres(config) = self else { return Ok(Vec::new()) };
        crate::postgres::block_on(async {
            let client = crate::postgres::connect_for_points(config).await?;
            let mut slow = Vec::new();
            for statement in statements {
                let plan = crate::postgres::explain(&client, statement).await;
                let plan = plan.map_err(|error| Error::Unavailable(error.to_string()))?;
                if !is_quick(&plan) {
                    slow.push((*statement, plan));
                }
            }
            Ok(slow)
        })
    }
}

/// Far above what reading some hundred rows by an index costs, and far below the planner's penalty for what
/// it is told to avoid.
const DEAR: f64 = 1e6;

fn is_quick(plan: &str) -> bool {
    let totals = plan.split("cost=").skip(1).filter_map(|cost| cost.split_once("..")?.1.split_once(' '));
    let mut totals = totals.filter_map(|(total, _)| total.parse::<f64>().ok());
    !["Seq Scan", "JIT:", "Disabled: true"].iter().any(|word| plan.contains(word))
        && totals.all(|total| total < DEAR)
}

const FILE_COLUMNS: &str = "
    SELECT t.name || '.' || c.name || ' '
           || lower(c.type)
           || CASE WHEN c.\"notnull\" OR c.pk > 0 THEN ' not null' ELSE '' END
           || CASE WHEN c.pk > 0 THEN ' key' ELSE '' END
    FROM pragma_table_list t JOIN pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";

/// Primary keys stand with their columns; every other index has a name of its own (that of a UNIQUE
/// constraint is made up by each engine, so such a constraint differs: write a unique index instead).
const FILE_INDEXES: &str = "
    SELECT t.name || ' index ' || i.name || CASE WHEN i.\"unique\" THEN ' unique' ELSE '' END
           || CASE WHEN i.partial THEN ' partial' ELSE '' END
           || ' (' || (SELECT group_concat(name, ', ') FROM
                       (SELECT coalesce(name, 'expression') AS name FROM pragma_index_info(i.name) ORDER BY seqno)) || ')'
    FROM pragma_table_list t JOIN pragma_index_list(t.name) i
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND i.origin <> 'pk'";

const FILE_REFERENCES: &str = "
    SELECT t.name || ' refers to ' || f.\"table\" || ' (' || group_concat(f.\"from\", ', ' ORDER BY f.seq) || ')'
           || CASE f.on_delete WHEN 'NO ACTION' THEN '' ELSE ' on delete ' || lower(f.on_delete) END
    FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f
    WHERE t.type = 'table' GROUP BY t.name, f.id";

fn describe_file(path: &std::path::Path) -> rusqlite::Result<Vec<String>> {
    let connection = rusqlite::Connection::open(path)?;
    let mut lines = Vec::new();
    for sql in [FILE_COLUMNS, FILE_INDEXES, FILE_REFERENCES] {
        let mut statement = connection.prepare(sql)?;
        for line in statement.query_map([], |row| row.get(0))? {
            lines.push(line?);
        }
    }
    Ok(lines)
}

const SERVER_COLUMNS: &str = "
    SELECT c.table_name || '.' || c.column_name || ' '
           || CASE c.data_type WHEN 'bigint' THEN 'integer' WHEN 'boolean' THEN 'integer'
              WHEN 'integer' THEN 'a 32-bit integer' ELSE c.data_type END
           || CASE WHEN c.is_nullable = 'NO' THEN ' not null' ELSE '' END
           || CASE WHEN EXISTS (
                SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                WHERE i.indisprimary AND i.indrelid = format('%I', c.table_name)::regclass AND a.attname = c.column_name
              ) THEN ' key' ELSE '' END
    FROM information_schema.columns c WHERE c.table_schema = current_schema()";

const SERVER_INDEXES: &str = "
    SELECT t.relname || ' index ' || x.relname || CASE WHEN i.indisunique THEN ' unique' ELSE '' END
           || CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END
           || ' (' || (SELECT string_agg(coalesce(a.attname, 'expression'), ', ' ORDER BY k.position)
                       FROM unnest(i.indkey) WITH ORDINALITY AS k(number, position)
                       LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) || ')'
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = current_schema() AND NOT i.indisprimary";

const SERVER_REFERENCES: &str = "
    SELECT t.relname || ' refers to ' || r.relname
           || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.position)
                       FROM unnest(c.conkey) WITH ORDINALITY AS k(number, position)
                       JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) || ')'
           || CASE c.confdeltype WHEN 'r' THEN ' on delete restrict' WHEN 'c' THEN ' on delete cascade'
              WHEN 'n' THEN ' on delete set null' WHEN 'd' THEN ' on delete set default' ELSE '' END
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = current_schema() AND c.contype = 'f'";

async fn describe_server(config: &tokio_postgres::Config) -> Result<Vec<String>> {
    let client = crate::postgres::connect(config).await?;
    let mut lines = Vec::new();
    for sql in [SERVER_COLUMNS, SERVER_INDEXES, SERVER_REFERENCES] {
        let rows = client.query(sql, &[]).await.map_err(|e| Error::Unavailable(e.to_string()))?;
        lines.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    Ok(lines)
}
