//! What goes in comes out, on both engines alike; what does not fit is refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use support::TestDb;
use support::slots::{add_slot, bookings, take_seat};
use tokio::task::JoinSet;
use yuyue_db::{Db, Error, Statement, Value, params, sql};

both!(
    parameters_bind_by_number,
    a_wrong_number_of_parameters_is_refused,
    values_come_back_as_they_were,
    absent_values_are_told_apart,
    a_value_of_the_wrong_type_is_refused,
    a_column_of_the_wrong_type_is_refused,
    a_point_read_runs_one_statement,
    point_reads_at_once_each_get_their_own_rows,
    a_point_read_that_is_refused_spoils_no_other,
    changes_are_counted_by_row,
    many_rows_are_inserted_in_their_order,
    rows_that_cannot_be_inserted_leave_nothing,
    a_refusal_names_the_statement_but_no_value,
);

/// Runs one statement in a write of its own.
async fn run(db: &Db, statement: &'static Statement, params: &[Value<'static>]) -> Result<u64, Error> {
    let params = params.to_vec();
    db.write("run", move |tx| tx.execute(statement, &params)).await
}

fn is_refused<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Statement { .. }))
}

async fn parameters_bind_by_number(db: TestDb) {
    let later_first = sql!("INSERT INTO slot (taken, capacity, id) VALUES ($3, $2, $1)");
    run(&db, later_first, params![1, 20, 3]).await.unwrap();
    let twice = sql!(
        "SELECT id, capacity, taken FROM slot WHERE capacity = $2 AND taken < $2 AND id = $1 ORDER BY id"
    );
    let slots = db.read("slots", move |tx| {
        tx.query(twice, params![1, 20], |row| {
            Ok((row.get::<i64>("id")?, row.get::<i32>("capacity")?, row.get::<u8>("taken")?))
        })
    });
    assert_eq!(slots.await.map_err(|error: Error| error.to_string()), Ok(vec![(1, 20, 3)]));
}

async fn a_wrong_number_of_parameters_is_refused(db: TestDb) {
    let two = sql!("INSERT INTO slot (id, capacity, taken) VALUES ($1, $2, 0)");
    assert!(is_refused(&run(&db, two, params![1]).await));
    assert!(is_refused(&run(&db, two, params![1, 2, 3]).await));
    assert!(is_refused(&run(&db, two, params![]).await));
    run(&db, two, params![1, 2]).await.unwrap();
}

async fn values_come_back_as_they_were(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let notes = ["", "𠮷野家 𰻞𰻞麵", "👩‍👩‍👧‍👦 🇨🇳", "' \" \\ $1 ? ; -- %_", "张\u{301}\n\t三\u{FFFD}\u{10FFFF}"];
    for (id, note) in (i64::MAX - 4..=i64::MAX).zip(notes) {
        for is_paid in [true, false] {
            let round_trip = db.write("round trip", move |tx| {
                let insert = sql!(
                    "INSERT INTO booking (id, slot_id, note, is_paid) VALUES ($1, 1, $2, $3)
                     ON CONFLICT (id) DO UPDATE SET is_paid = excluded.is_paid
                     RETURNING id, note, is_paid"
                );
                tx.query_one(insert, params![id, note, is_paid], |row| {
                    Ok((row.get::<i64>("id")?, row.get::<String>("note")?, row.get::<bool>("is_paid")?))
                })
            });
            let expected = (id, note.to_owned(), is_paid);
            assert_eq!(round_trip.await.map_err(|error: Error| error.to_string()), Ok(expected));
        }
    }
    let paid = db.read("paid", |tx| {
        let statement = sql!("SELECT id FROM booking WHERE is_paid = $1 ORDER BY id");
        tx.query_opt(statement, params![true], |row| row.get::<i64>("id"))
    });
    assert_eq!(paid.await.map_err(|error: Error| error.to_string()), Ok(None));
}

async fn absent_values_are_told_apart(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let insert = sql!("INSERT INTO booking (id, slot_id, note, is_paid) VALUES ($1, 1, $2, $3)");
    run(&db, insert, params![1, None::<&str>, false]).await.unwrap();
    let not_null = run(&db, insert, params![2, "note", None::<bool>]).await;
    assert!(is_refused(&not_null), "{not_null:?}");
    let note = db.read("note", |tx| {
        let statement = sql!("SELECT note FROM booking WHERE id = 1");
        tx.query_one(statement, params![], |row| row.get::<Option<String>>("note"))
    });
    assert_eq!(note.await.map_err(|error: Error| error.to_string()), Ok(None));
}

async fn a_value_of_the_wrong_type_is_refused(db: TestDb) {
    let insert = sql!("INSERT INTO slot (id, capacity, taken) VALUES ($1, $2, $3)");
    assert!(is_refused(&run(&db, insert, params![1, "many", 0]).await));
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let insert = sql!("INSERT INTO booking (id, slot_id, note, is_paid) VALUES ($1, $2, $3, $4)");
    assert!(is_refused(&run(&db, insert, params![1, 1, "note", "yes"]).await));
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [0; 0]);
}

async fn a_column_of_the_wrong_type_is_refused(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 70_000)).await.unwrap();
    let read = async |column: &'static str| {
        let text = db.read("text", move |tx| {
            let statement = sql!("SELECT id, capacity FROM slot");
            tx.query_one(statement, params![], |row| row.get::<String>(column))
        });
        text.await.unwrap_err()
    };
    assert!(matches!(read("capacity").await, Error::Column { column, .. } if column == "capacity"));
    assert!(matches!(read("missing").await, Error::Column { column, .. } if column == "missing"));
    let narrow: Result<u16, Error> = db
        .read("narrow", |tx| {
            tx.query_one(sql!("SELECT capacity FROM slot"), params![], |row| row.get("capacity"))
        })
        .await;
    assert!(matches!(narrow, Err(Error::Column { .. })), "{narrow:?}");
}

async fn a_point_read_runs_one_statement(db: TestDb) {
    let twice = db.point("twice", |tx| {
        bookings(tx)?;
        bookings(tx)
    });
    let error: Error = twice.await.unwrap_err();
    assert!(matches!(error, Error::NotAPoint), "{error}");
    let swallowed = db.point("twice", |tx| {
        let first = bookings(tx)?;
        Ok::<_, Error>(bookings(tx).unwrap_or(first))
    });
    assert!(matches!(swallowed.await, Err(Error::NotAPoint)));
    assert_eq!(db.point("once", bookings).await.unwrap(), [0; 0]);
}

async fn point_reads_at_once_each_get_their_own_rows(db: TestDb) {
    db.write("add slots", |tx| (0..500).try_for_each(|id| add_slot(tx, id, id + 1))).await.unwrap();
    let mut callers = JoinSet::new();
    for id in 0..500 {
        let db = Db::clone(&db);
        callers.spawn(async move {
            let capacity = db.point("capacity", move |tx| {
                let find = sql!("SELECT capacity FROM slot WHERE id = $1");
                tx.query_opt(find, params![id], |row| row.get::<i64>("capacity"))
            });
            assert_eq!(capacity.await.unwrap(), Some(id + 1));
            let below = db.point("below", move |tx| {
                let list = sql!("SELECT id FROM slot WHERE id < $1 ORDER BY capacity DESC LIMIT $2");
                tx.query(list, params![id, 3], |row| row.get::<i64>("id"))
            });
            assert_eq!(below.await.unwrap(), (0..id).rev().take(3).collect::<Vec<_>>());
            let none = db.point("none", |tx| {
                let list = sql!("SELECT id, '$1' AS note FROM slot WHERE id = $1");
                tx.query(list, params![None::<i64>], |row| row.get::<String>("note"))
            });
            assert_eq!(none.await.unwrap(), [""; 0]);
        });
    }
    callers.join_all().await;
}

/// A parameter of a wrong type, which only one of the engines minds.
async fn a_point_read_that_is_refused_spoils_no_other(db: TestDb) {
    db.write("add slots", |tx| (0..100).try_for_each(|id| add_slot(tx, id, id + 1))).await.unwrap();
    let mut callers = JoinSet::new();
    for id in 0..100 {
        let db = Db::clone(&db);
        callers.spawn(async move {
            let capacity = db.point("capacity", move |tx| {
                let find = sql!("SELECT capacity FROM slot WHERE id = $1");
                let wanted = if id % 10 == 0 { Value::Text("none") } else { Value::Int(id) };
                tx.query_opt(find, &[wanted], |row| row.get::<i64>("capacity"))
            });
            match capacity.await {
                Ok(capacity) => assert_eq!(capacity, (id % 10 != 0).then_some(id + 1)),
                refused => assert!(id % 10 == 0 && is_refused(&refused), "{id}: {refused:?}"),
            }
        });
    }
    callers.join_all().await;
}

async fn changes_are_counted_by_row(db: TestDb) {
    let insert = sql!(
        "INSERT INTO slot (id, capacity, taken) VALUES ($1, 1, 0), ($2, 1, 0) ON CONFLICT (id) DO NOTHING"
    );
    assert_eq!(run(&db, insert, params![1, 2]).await.unwrap(), 2);
    assert_eq!(run(&db, insert, params![2, 3]).await.unwrap(), 1);
    assert_eq!(run(&db, insert, params![2, 3]).await.unwrap(), 0);
    assert!(db.write("take", |tx| take_seat(tx, 1)).await.unwrap());
    assert!(!db.write("take", |tx| take_seat(tx, 1)).await.unwrap());
    assert_eq!(run(&db, sql!("DELETE FROM slot WHERE id > $1"), params![1]).await.unwrap(), 2);
}

async fn many_rows_are_inserted_in_their_order(db: TestDb) {
    let upsert = sql!(
        "INSERT INTO slot (id, capacity, taken) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET capacity = slot.capacity + excluded.capacity"
    );
    let insert = sql!(
        "INSERT INTO booking (id, slot_id, note, is_paid) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
    );
    let notes = [None, Some("{\"a\",NULL}"), Some(""), Some("NULL"), Some("王\\'五")];
    let counts = db.write("insert", move |tx| {
        let slots: Vec<[Value<'_>; 3]> = (1..=1000).map(|id| [id.into(), 5.into(), 0.into()]).collect();
        let first = tx.insert_many(upsert, &slots)?;
        let again = tx.insert_many(upsert, &slots[..2])?;
        let bookings: Vec<_> = (1..)
            .zip(notes)
            .map(|(id, note)| [Value::from(id), Value::from(id), note.into(), (id == 2).into()])
            .collect();
        let booked = tx.insert_many(insert, &bookings)?;
        let nobody = tx.insert_many::<4>(insert, &[])?;
        Ok([first, again, booked, nobody, tx.insert_many(insert, &bookings)?])
    });
    assert_eq!(counts.await.map_err(|error: Error| error.to_string()), Ok([1000, 2, 5, 0, 0]));
    let found = db.read("bookings", move |tx| {
        let list = sql!(
            "SELECT b.note, b.is_paid, s.capacity FROM booking b JOIN slot s ON s.id = b.slot_id ORDER BY b.id"
        );
        tx.query(list, params![], |row| {
            let note = row.get::<Option<String>>("note")?;
            Ok((note, row.get::<bool>("is_paid")?, row.get::<i64>("capacity")?))
        })
    });
    let expected: Vec<_> = (1..)
        .zip(notes)
        .map(|(id, note)| (note.map(str::to_owned), id == 2, if id <= 2 { 10 } else { 5 }))
        .collect();
    assert_eq!(found.await.map_err(|error: Error| error.to_string()), Ok(expected));
}

async fn rows_that_cannot_be_inserted_leave_nothing(db: TestDb) {
    let insert = sql!("INSERT INTO slot (id, capacity, taken) VALUES ($1, $2, $3)");
    let swapped = sql!("INSERT INTO slot (taken, capacity, id) VALUES ($3, $2, $1)");
    let constant = sql!("INSERT INTO slot (id, capacity, taken) VALUES ($1, $2, $3 + 1)");
    let good = [Value::Int(1), 5.into(), 0.into()];
    for (insert, bad) in [
        (insert, [Value::Int(2), "many".into(), 0.into()]),
        (insert, [Value::Int(2), Value::Null, 0.into()]),
        (insert, good),
        (swapped, [Value::Int(2), 5.into(), 0.into()]),
        (constant, [Value::Int(2), 5.into(), 0.into()]),
    ] {
        let refused = db.write("insert", move |tx| tx.insert_many(insert, &[good, bad])).await;
        assert!(is_refused(&refused), "{bad:?}: {refused:?}");
    }
    let read = db.read("insert", move |tx| tx.insert_many(insert, &[good])).await;
    assert!(is_refused(&read), "{read:?}");
    let slots = db.read("slots", |tx| tx.query(sql!("SELECT id FROM slot"), &[], |row| row.get::<i64>("id")));
    assert_eq!(slots.await.map_err(|error: Error| error.to_string()), Ok(vec![]));
}

/// Errors are logged, and what is stored are names and telephone numbers.
async fn a_refusal_names_the_statement_but_no_value(db: TestDb) {
    let insert = sql!("INSERT INTO slot (id, capacity, taken) VALUES ($1, $2, 0)");
    let error = run(&db, insert, params![1, "138-0013-8000"]).await.unwrap_err().to_string();
    assert!(error.contains("values.rs:"), "{error}");
    assert!(!error.contains("138-0013-8000"), "{error}");
}
