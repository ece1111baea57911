//! Which key a database was made with. What is sealed with one key is lost on a node with another, so nobody
//! works on a database whose key is not theirs.

use yuyue_db::{Db, params, sql};

use crate::config::Config;
use crate::ids::Ids;
use crate::secrets::{KEY_FILE, Secrets};

/// The key, for whoever seals and opens. The first one there is becomes the database's own; only a database
/// that has none yet gets a new one.
///
/// # Errors
/// A text that says which key is missing or wrong, and what to do.
pub async fn load(db: &Db, config: &Config, ids: &Ids) -> Result<Secrets, String> {
    let found = Secrets::find(&config.secrets.key, &config.data_dir, ids)?;
    let secrets = match (found, recorded(db).await?) {
        (Some(secrets), _) => secrets,
        (None, None) => Secrets::make(&config.data_dir, ids)?,
        (None, Some(_)) => {
            return Err(format!(
                "secrets.key: this database was made with a key that is not here: put its {KEY_FILE} into {}, or \
                 set secrets.key to it",
                config.data_dir.display()
            ));
        }
    };
    let fingerprint = secrets.key_fingerprint();
    let record =
        sql!("INSERT INTO key_fingerprint (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING");
    let recorded = db.write("key.record", move |tx| tx.execute(record, params![&fingerprint]).map(drop));
    recorded.await.map_err(|error: yuyue_db::Error| format!("database: {error}"))?;
    check(db, config, ids).await?;
    Ok(secrets)
}

/// Refuses a key that is not the database's. Without a key at hand, or a record of one, there is nothing to
/// refuse: this is for tools that neither seal nor open.
///
/// # Errors
/// A text that says which key is wrong, and what to do.
pub async fn check(db: &Db, config: &Config, ids: &Ids) -> Result<(), String> {
    let found = Secrets::find(&config.secrets.key, &config.data_dir, ids)?;
    let (Some(found), Some(recorded)) = (found, recorded(db).await?) else { return Ok(()) };
    if found.key_fingerprint() == recorded {
        return Ok(());
    }
    let place = if config.secrets.key.is_empty() {
        config.data_dir.join(KEY_FILE).display().to_string()
    } else {
        "secrets.key".to_owned()
    };
    Err(format!(
        "{place}: this database was made with another key. Nodes on one database need the same secrets.key, and a \
         restored database needs the key it was made with"
    ))
}

async fn recorded(db: &Db) -> Result<Option<String>, String> {
    let find = sql!("SELECT fingerprint FROM key_fingerprint WHERE id = 1");
    let found = db.point("key.recorded", |tx| tx.query_opt(find, &[], |row| row.get("fingerprint"))).await;
    match found {
        Ok(found) => Ok(found),
        // A database that is not migrated has no such table.
        Err(yuyue_db::Error::Statement { .. }) => Ok(None),
        Err(error) => Err(format!("database: {error}")),
    }
}
