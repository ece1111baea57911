//! Visitors who are still in the building after their visit (超时未离开): the employee is told once, a while after
//! the end, so that nobody is forgotten there.

use serde::{Deserialize, Serialize};
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{DAY, MINUTE, Millis, Now};
use crate::error::Error;
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{NewJob, enqueue};
use crate::visitors::jobs;
use crate::visitors::messages::{Event, Teller};
use crate::visitors::store::desk;
use crate::visitors::store::visits::{self, Person, Visit};

/// How long after the end the employee is told.
const GRACE: Millis = 15 * MINUTE;
/// When it is too late to be of use.
const STALE: Millis = DAY;

#[derive(Serialize, Deserialize)]
struct OfVisit {
    visit_id: i64,
}

/// Writes the timer that looks after the end of a visit whether everybody has left.
///
/// # Errors
/// When the database refuses.
pub fn watch(tx: &mut Tx<'_>, visit: &Visit, at: Millis) -> Result<(), Error> {
    let payload = serde_json::to_string(&OfVisit { visit_id: visit.id });
    let payload = payload.map_err(|error| Error::internal(error.to_string()))?;
    let due_at = visit.ends_at + GRACE;
    let deadline = due_at + STALE;
    enqueue(tx, &NewJob { kind: jobs::OVERDUE, recipient: "", payload: &payload, due_at, deadline }, at)?;
    Ok(())
}

/// Tells the employee of a visit who of it has not signed out, unless somebody has told them.
///
/// # Errors
/// [`Failed`] when another try makes sense.
pub async fn look(app: &App, job: &Job) -> Result<Done, Failed> {
    let of: OfVisit =
        serde_json::from_str(&job.payload).map_err(|error| Failed::GiveUp { reason: error.to_string() })?;
    let (app_too, now) = (app.clone(), app.clock.now());
    app.db.write("visitors.overdue", move |tx| tell(&app_too, tx, of.visit_id, &now)).await?;
    Ok(Done::Finished)
}

fn tell(app: &App, tx: &mut Tx<'_>, visit_id: i64, now: &Now) -> Result<(), Error> {
    if !desk::find_overdue(tx, visit_id, now.at)? {
        return Ok(());
    }
    let Some(visit) = visits::find(tx, visit_id)? else { return Ok(()) };
    let people = visits::people(tx, visit_id)?;
    let inside = desk::inside_of(tx, visit_id)?;
    let mut left = people.iter().filter(|person| inside.contains(&person.id));
    let Some(first) = left.next() else { return Ok(()) };
    let named = match left.count() {
        0 => first.clone(),
        others => Person { name: format!("{} 等 {} 人", first.name, others + 1), ..first.clone() },
    };
    // The message leads nowhere, so it needs no address.
    let teller = Teller { app, visit: &visit, people: &people, now, base: "", is_budgeted: false };
    teller.tell_employee_of(tx, Event::VisitorOverdue, &named)
}
