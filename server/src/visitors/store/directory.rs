//! The cached employee directory and the copies of its pictures.

use yuyue_db::{Row, Tx, params, sql};

use super::Result;
use crate::clock::Millis;
use crate::phone;
use crate::text::name_key;
use crate::visitors::directory::Employee;

fn employee(row: &Row<'_>) -> yuyue_db::Result<Employee> {
    Ok(Employee {
        subject_id: row.get("subject_id")?,
        name: row.get("name")?,
        phone: row.get("phone")?,
        department: row.get("department")?,
        avatar_source: row.get("avatar_source")?,
        avatar: row.get("avatar")?,
    })
}

/// The employee with this phone and name, in whatever spelling.
pub fn find(tx: &mut Tx<'_>, name: &str, phone: &str) -> Result<Option<Employee>> {
    let find = sql!(
        "SELECT subject_id, name, phone, department, avatar_source, avatar FROM employee
         WHERE phone_key = $1 AND name_key = $2 ORDER BY subject_id LIMIT 1"
    );
    let (phone_key, name_key) = (phone::key(phone), name_key(name));
    Ok(tx.query_opt(find, params![&phone_key, &name_key], employee)?)
}

/// Any employee with this phone.
pub fn find_by_phone(tx: &mut Tx<'_>, phone_key: &str) -> Result<Option<Employee>> {
    let find = sql!(
        "SELECT subject_id, name, phone, department, avatar_source, avatar FROM employee
         WHERE phone_key = $1 ORDER BY subject_id LIMIT 1"
    );
    Ok(tx.query_opt(find, params![phone_key], employee)?)
}

/// When the whole directory was last read; 0 if it must be read again.
pub fn refreshed_at(tx: &mut Tx<'_>) -> Result<Millis> {
    let find = sql!("SELECT refreshed_at FROM directory WHERE id = 1");
    Ok(tx.query_one(find, &[], |row| row.get("refreshed_at"))?)
}

/// A copy that a wrong clock read after `at` is as good as none; gives how many rows were changed.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64> {
    Ok(tx.execute(
        sql!("UPDATE directory SET refreshed_at = 0 WHERE refreshed_at - 60000 > $1"),
        params![at],
    )?)
}

pub fn set_refreshed_at(tx: &mut Tx<'_>, at: Millis) -> Result<()> {
    tx.execute(sql!("UPDATE directory SET refreshed_at = $1 WHERE id = 1"), params![at])?;
    Ok(())
}

/// Whether nobody has read the directory anew since `before`; holds others up until the transaction ends.
pub fn is_as_read(tx: &mut Tx<'_>, before: Millis) -> Result<bool> {
    let lock = sql!("UPDATE directory SET refreshed_at = refreshed_at WHERE id = 1 AND refreshed_at = $1");
    Ok(tx.execute(lock, params![before])? == 1)
}

pub fn all_ids(tx: &mut Tx<'_>) -> Result<Vec<i64>> {
    Ok(tx.query(sql!("SELECT subject_id FROM employee ORDER BY subject_id"), &[], |row| {
        row.get("subject_id")
    })?)
}

/// Writes what Koala says of an employee; the copy of a picture stays while its source does.
pub fn upsert(tx: &mut Tx<'_>, employee: &Employee) -> Result<()> {
    let upsert = sql!(
        "INSERT INTO employee (subject_id, name, phone, department, avatar_source, avatar, name_key, phone_key)
         VALUES ($1, $2, $3, $4, $5, '', $6, $7)
         ON CONFLICT (subject_id) DO UPDATE SET
             name = excluded.name, name_key = excluded.name_key,
             phone = excluded.phone, phone_key = excluded.phone_key, department = excluded.department,
             avatar_source = excluded.avatar_source,
             avatar = CASE WHEN employee.avatar_source = excluded.avatar_source THEN employee.avatar ELSE '' END
         WHERE employee.name <> excluded.name OR employee.phone <> excluded.phone
            OR employee.department <> excluded.department OR employee.avatar_source <> excluded.avatar_source"
    );
    let Employee { subject_id, name, phone, department, avatar_source, .. } = employee;
    let (name_key, phone_key) = (name_key(name), phone::key(phone));
    let values = params![*subject_id, name, phone, department, avatar_source, &name_key, &phone_key];
    tx.execute(upsert, values)?;
    Ok(())
}

pub fn delete(tx: &mut Tx<'_>, subject_id: i64) -> Result<()> {
    tx.execute(sql!("DELETE FROM employee WHERE subject_id = $1"), params![subject_id])?;
    Ok(())
}

/// A picture that is served under its name.
pub struct Picture {
    pub name: String,
    pub media: String,
    /// Base64.
    pub body: String,
}

/// Stores the copy of an employee's picture, unless its source has changed meanwhile.
pub fn save_avatar(
    tx: &mut Tx<'_>,
    (subject_id, source): (i64, &str),
    picture: &Picture,
    at: Millis,
) -> Result<()> {
    let update =
        sql!("UPDATE employee SET avatar = $3 WHERE subject_id = $1 AND avatar_source = $2 AND avatar = ''");
    if tx.execute(update, params![subject_id, source, &picture.name])? == 1 {
        let insert = sql!("INSERT INTO avatar (name, media, body, created_at) VALUES ($1, $2, $3, $4)");
        tx.execute(insert, params![&picture.name, &picture.media, &picture.body, at])?;
    }
    Ok(())
}

pub fn picture(tx: &mut Tx<'_>, name: &str) -> Result<Option<Picture>> {
    let find = sql!("SELECT name, media, body FROM avatar WHERE name = $1");
    let picture = tx.query_opt(find, params![name], |row| {
        Ok(Picture { name: row.get("name")?, media: row.get("media")?, body: row.get("body")? })
    });
    Ok(picture?)
}

/// Forgets copies that no employee has any more.
pub fn clean_up(tx: &mut Tx<'_>, _: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM avatar WHERE name IN
             (SELECT a.name FROM avatar a
              WHERE NOT EXISTS (SELECT 1 FROM employee e WHERE e.avatar = a.name) LIMIT $1)"
    );
    Ok(tx.execute(delete, params![most])?)
}
