//! `/ws/signin-notify`: every connected screen learns of every sign-in.

use serde_json::json;
use yuyue::clock::DAY;
use yuyue::error::Error;
use yuyue::slots::routes::SIGN_IN;

use crate::support::TestApp;
use crate::support::booking::booking;
use crate::support::served::{Screen, soon};

both! {
    every_screen_gets_the_exact_frame,
    a_screen_may_ask_for_what_it_missed,
    what_is_a_day_old_is_not_replayed,
    what_another_node_has_sent_is_not_sent_again,
    a_screen_gets_nothing_from_before_it_connected,
    a_screen_that_reads_gets_any_number_of_events,
    a_request_that_is_no_upgrade_is_told_so,
    a_screen_that_talks_too_much_is_closed,
}

only_postgres!(every_node_tells_its_screens);

// Nothing in it depends on the engine, and it takes as long as the server's patience.
only_sqlite!(a_screen_too_slow_to_read_is_closed_and_not_waited_for);

fn frame(appointment: i64) -> String {
    format!(r#"{{"appointment_id":{appointment},"event_type":"1"}}"#)
}

fn frame_with_id(appointment: i64, event: i64) -> String {
    format!(r#"{{"appointment_id":{appointment},"event_type":"1","event_id":{event}}}"#)
}

impl TestApp {
    /// Books and signs in; gives the appointment's id.
    async fn signed_in(&self, minute: i64) -> i64 {
        let id = self.booked(booking("o-1", 10, minute)).await;
        self.sign_in(id).await.data();
        id
    }

    /// Records sign-ins in one transaction, so that they reach the screens all at once.
    async fn burst(&self, count: i64, body: impl Fn(i64) -> String) {
        let (bodies, at) = ((1..=count).map(body).collect::<Vec<_>>(), self.clock.now().at);
        let publish = move |tx: &mut yuyue_db::Tx<'_>| {
            bodies.iter().try_for_each(|body| yuyue::live::publish(tx, SIGN_IN, body, at))
        };
        self.db.write::<_, Error, _>("test", publish).await.unwrap();
    }
}

async fn every_screen_gets_the_exact_frame(app: TestApp) {
    app.signed_in(50).await;
    let served = app.serve().await;
    let mut screens: Vec<Screen> = Vec::new();
    for _ in 0..3 {
        screens.push(served.screen("").await);
    }
    let first = app.signed_in(0).await;
    app.sign_in(first).await.data();
    let second = app.signed_in(10).await;
    for screen in &mut screens {
        assert_eq!(screen.frame().await, frame(first), "nothing from before it connected");
        assert_eq!(screen.frame().await, frame(second), "nothing for the repeat");
    }
    drop(screens.pop());
    let third = app.signed_in(20).await;
    for screen in &mut screens {
        assert_eq!(screen.frame().await, frame(third), "another one's leaving is nothing to them");
    }
    served.stopped().await;
}

async fn a_screen_may_ask_for_what_it_missed(app: TestApp) {
    let (first, second) = (app.signed_in(0).await, app.signed_in(10).await);
    let served = app.serve().await;
    let mut all = served.screen("?after=0").await;
    assert_eq!(all.frame().await, frame_with_id(first, 1));
    assert_eq!(all.frame().await, frame_with_id(second, 2));
    let mut rest = served.screen("?after=1").await;
    assert_eq!(rest.frame().await, frame_with_id(second, 2));
    let mut none = served.screen("?after=2").await;
    let mut from_elsewhere = served.screen("?after=999999").await;
    let mut plain = served.screen("?after=").await;
    let third = app.signed_in(20).await;
    for screen in [&mut all, &mut rest, &mut none, &mut from_elsewhere] {
        assert_eq!(screen.frame().await, frame_with_id(third, 3));
    }
    assert_eq!(plain.frame().await, frame(third), "an empty parameter is none");
    served.stopped().await;
}

async fn what_is_a_day_old_is_not_replayed(app: TestApp) {
    app.signed_in(0).await;
    app.clock.advance(1);
    let second = app.signed_in(10).await;
    app.clock.advance(DAY - 1);
    let served = app.serve().await;
    let mut screen = served.screen("?after=0").await;
    assert_eq!(screen.frame().await, frame_with_id(second, 2));
    served.stopped().await;
}

async fn what_another_node_has_sent_is_not_sent_again(app: TestApp) {
    let served = app.serve().await;
    let at = app.clock.now().at;
    // As another node would, whose wake is still on its way here: this one has not handed it out.
    app.execute("UPDATE event_counter SET last = 1").await;
    app.execute(&format!(
        "INSERT INTO event (id, kind, body, at) VALUES (1, '{SIGN_IN}', '{}', {at})",
        frame(77)
    ))
    .await;
    let mut screen = served.screen("?after=1").await;
    let next = app.signed_in(0).await;
    assert_eq!(screen.frame().await, frame_with_id(next, 2));
    served.stopped().await;
}

async fn a_screen_gets_nothing_from_before_it_connected(app: TestApp) {
    let served = app.serve().await;
    let at = app.clock.now().at;
    // Committed and answered, but not handed out by this node yet: its wake is on its way.
    app.execute("UPDATE event_counter SET last = 1").await;
    app.execute(&format!(
        "INSERT INTO event (id, kind, body, at) VALUES (1, '{SIGN_IN}', '{}', {at})",
        frame(77)
    ))
    .await;
    let mut screen = served.screen("").await;
    let next = app.signed_in(0).await;
    assert_eq!(screen.frame().await, frame(next));
    served.stopped().await;
}

async fn a_screen_that_reads_gets_any_number_of_events(app: TestApp) {
    let served = app.serve().await;
    let (mut plain, mut replaying) = (served.screen("").await, served.screen("?after=0").await);
    app.burst(1_200, frame).await;
    for number in 1..=1_200 {
        assert_eq!(plain.frame().await, frame(number), "each once and in order");
        assert_eq!(replaying.frame().await, frame_with_id(number, number));
    }
    let next = app.signed_in(0).await;
    assert_eq!(plain.frame().await, frame(next));
    assert_eq!(replaying.frame().await, frame_with_id(next, 1_201));
    served.stopped().await;
}

async fn every_node_tells_its_screens(app: TestApp) {
    let other = app.again(|_| ()).await;
    let (here, there) = (app.serve().await, other.serve().await);
    let mut screens = [here.screen("").await, there.screen("").await, there.screen("?after=0").await];
    let first = app.signed_in(0).await;
    let second = other.signed_in(10).await;
    for screen in &mut screens[..2] {
        assert_eq!(screen.frame().await, frame(first));
        assert_eq!(screen.frame().await, frame(second));
    }
    assert_eq!(screens[2].frame().await, frame_with_id(first, 1));
    assert_eq!(screens[2].frame().await, frame_with_id(second, 2));
    here.stopped().await;
    let third = app.signed_in(20).await;
    assert_eq!(screens[1].frame().await, frame(third), "a stopped node takes none of the others along");
    there.stopped().await;
}

async fn a_request_that_is_no_upgrade_is_told_so(app: TestApp) {
    let answer = app.get("/ws/signin-notify").await.expect(426);
    assert_eq!(answer.json()["error_no"], 426);
    assert_eq!(app.get("/ws/signin-notify?after=-1").await.error_no(), 1001);
    assert_eq!(app.get("/ws/signin-notify?after=x").await.error_no(), 1001);
    app.post("/ws/signin-notify", json!({})).await.expect(405);
}

async fn a_screen_that_talks_too_much_is_closed(app: TestApp) {
    let served = app.serve().await;
    let mut quiet = served.screen("").await;
    let mut loud = served.screen("").await;
    loud.say(&"x".repeat(5_000)).await;
    assert_eq!(loud.frames_until_closed().await, 0);
    quiet.say("hello").await;
    let id = app.signed_in(0).await;
    assert_eq!(quiet.frame().await, frame(id), "a word is no offence");
    served.stopped().await;
}

async fn a_screen_too_slow_to_read_is_closed_and_not_waited_for(app: TestApp) {
    const EVENTS: i64 = 300;
    let served = app.serve().await;
    let slow = served.slow_screen().await;
    let mut quick = served.screen("").await;
    assert_eq!(app.live.clients(), 2);
    // More than the buffers between the server and the slow screen can hold.
    let padding = "x".repeat(64 << 10);
    app.burst(EVENTS, |number| format!(r#"{{"appointment_id":{number},"padding":"{padding}"}}"#)).await;
    for _ in 0..EVENTS {
        quick.frame().await;
    }
    let id = app.signed_in(0).await;
    assert_eq!(quick.frame().await, frame(id), "while the slow one still holds its connection");
    assert_eq!(app.live.clients(), 2);
    soon("the slow screen is given up", async {
        while app.live.clients() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(slow.frames_until_closed().await < usize::try_from(EVENTS).unwrap());
    served.stopped().await;
}
