use serde_json::json;
use tokio::task::JoinSet;
use yuyue::clock::{HOUR, MINUTE, SECOND};
use yuyue::staff::Role;

use super::{PASSWORD, path, problem};
use crate::support::TestApp;

both! {
    a_login_gives_a_token_and_a_cookie,
    a_password_is_the_same_in_every_form_of_unicode,
    behind_https_the_cookie_is_secure,
    an_unknown_username_answers_like_a_wrong_password,
    ten_wrong_passwords_lock_a_username_for_their_address,
    a_hundred_wrong_passwords_lock_a_username_everywhere,
    a_new_password_unlocks_for_every_address,
    right_passwords_at_once_lock_nobody_out,
    failures_of_one_address_are_limited,
    a_console_session_changes_things_from_its_own_pages_only,
    another_sites_page_cannot_log_a_browser_in,
}

async fn a_login_gives_a_token_and_a_cookie(app: TestApp) {
    app.account("lin", Role::Reception).await;
    let answer = app.console_log_in(" lin ", PASSWORD).await.expect(200);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let expected = json!({ "token": token, "expires_in": 43_200, "username": "lin", "role": "reception",
        "must_set_up_totp": false });
    assert_eq!(answer.json(), expected);
    let cookie = format!("yuyue_session={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
    assert_eq!(answer.header("set-cookie"), cookie);

    let me = json!({ "username": "lin", "role": "reception", "totp": false, "must_set_up_totp": false });
    let (bearer, browser) = (app.bearer(&token), app.with("cookie", &format!("a=b; yuyue_session={token}")));
    assert_eq!(bearer.get(&path("session")).await.expect(200).json(), me);
    assert_eq!(browser.get(&path("session")).await.expect(200).json(), me);
    assert_eq!(problem(&app.get(&path("session")).await, 401), "");

    let other = app.session("lin").await;
    let answer = bearer.delete(&path("session")).await.expect(204);
    assert!(answer.header("set-cookie").starts_with("yuyue_session=; "), "{answer:?}");
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{answer:?}");
    assert!(answer.body.is_empty());
    for ended in [&bearer, &browser] {
        problem(&ended.get(&path("session")).await, 401);
    }
    for _ in 0..24 {
        other.get(&path("session")).await.expect(200);
        app.clock.advance(HOUR / 2 - 1);
    }
    other.get(&path("session")).await.expect(200);
    app.clock.advance(24);
    problem(&other.get(&path("session")).await, 401);
    let key = app.staff(Role::Admin).await;
    problem(&key.delete(&path("session")).await, 409);
    key.get(&path("session")).await.expect(200);
}

async fn a_password_is_the_same_in_every_form_of_unicode(app: TestApp) {
    use argon2::password_hash::PasswordHasher as _;
    let [one, two] = ["correct horse café", "correct horse cafe\u{301}"];
    app.account("lin", Role::Admin).await;
    let kept = |password: &str| {
        let hash = argon2::Argon2::default().hash_password_with_salt(password.as_bytes(), &[7; 16]).unwrap();
        format!("UPDATE staff SET password_hash = '{hash}'")
    };
    app.execute(&kept(one)).await;
    for typed in [one, two] {
        app.console_log_in("lin", typed).await.expect(200);
    }
    // From before passwords were kept in one form.
    app.execute(&kept(two)).await;
    app.console_log_in("lin", one).await.expect(401);
    for typed in [two, one, two] {
        app.console_log_in("lin", typed).await.expect(200);
    }
}

async fn behind_https_the_cookie_is_secure(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let public = app.again(|config| config.server.public_url = "https://book.example.com".into()).await;
    let answer = public.console_log_in("lin", PASSWORD).await.expect(200);
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{answer:?}");
}

async fn an_unknown_username_answers_like_a_wrong_password(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let id = app.account("gone", Role::Admin).await;
    let admin = app.administrator().await;
    admin.patch(&path(&format!("staff/{id}")), json!({ "active": false })).await.expect(200);
    let wrong = app.console_log_in("lin", "not the secret").await.expect(401);
    for (username, password) in [("nobody", PASSWORD), ("gone", PASSWORD), ("LIN", PASSWORD)] {
        let answer = app.console_log_in(username, password).await.expect(401);
        assert_eq!(answer.body, wrong.body, "{username}");
    }
    assert_eq!(problem(&app.post(&path("session"), json!({})).await, 400), "username");
    assert_eq!(problem(&app.post(&path("session"), json!({ "username": "lin" })).await, 400), "password");
}

async fn ten_wrong_passwords_lock_a_username_for_their_address(app: TestApp) {
    app.account("lin", Role::Admin).await;
    app.account("wang", Role::Admin).await;
    for username in ["lin", "nobody"] {
        for _ in 0..10 {
            app.console_log_in(username, "wrong").await.expect(401);
        }
        let answer = app.console_log_in(username, PASSWORD).await;
        problem(&answer, 429);
        assert_eq!(answer.header("retry-after"), "900", "{username}");
    }
    app.console_log_in("wang", PASSWORD).await.expect(200);
    app.clock.advance(15 * MINUTE - SECOND);
    assert_eq!(app.console_log_in("lin", PASSWORD).await.expect(429).header("retry-after"), "1");
    app.clock.advance(SECOND);
    for _ in 0..9 {
        app.console_log_in("lin", "wrong").await.expect(401);
    }
    app.console_log_in("lin", PASSWORD).await.expect(200);
    app.console_log_in("lin", "wrong").await.expect(401);
    app.console_log_in("lin", PASSWORD).await.expect(200);

    let mut guesses = JoinSet::new();
    for _ in 0..30 {
        let app = app.clone();
        guesses.spawn(async move { app.console_log_in("wang", "wrong").await.status.as_u16() });
    }
    let statuses = guesses.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
}

async fn a_hundred_wrong_passwords_lock_a_username_everywhere(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let guesser = |number: usize| app.at_address(&format!("203.0.113.{number}"));
    for _ in 0..10 {
        guesser(0).console_log_in("lin", "wrong").await.expect(401);
    }
    guesser(0).console_log_in("lin", PASSWORD).await.expect(429);
    guesser(1).console_log_in("lin", PASSWORD).await.expect(200);
    // The address that was let in is not one of those that can lock everybody out.
    for number in 2..=11 {
        let mut guesses = JoinSet::new();
        for _ in 0..10 {
            let guesser = guesser(number);
            guesses.spawn(async move { guesser.console_log_in("lin", "wrong").await.status.as_u16() });
        }
        assert_eq!(guesses.join_all().await, [401; 10], "{number}");
    }
    let answer = guesser(12).console_log_in("lin", PASSWORD).await;
    problem(&answer, 429);
    assert_eq!(answer.header("retry-after"), "900");
    guesser(1).console_log_in("lin", PASSWORD).await.expect(200);
    app.clock.advance(15 * MINUTE);
    guesser(12).console_log_in("lin", PASSWORD).await.expect(200);
}

async fn a_new_password_unlocks_for_every_address(app: TestApp) {
    let id = app.account("lin", Role::Admin).await;
    app.account("lin 2", Role::Admin).await;
    let elsewhere = app.at_address("203.0.113.9");
    for _ in 0..10 {
        app.console_log_in("lin", "wrong").await.expect(401);
        elsewhere.console_log_in("lin", "wrong").await.expect(401);
        app.console_log_in("lin 2", "wrong").await.expect(401);
    }
    let admin = app.administrator().await;
    admin.patch(&path(&format!("staff/{id}")), json!({ "password": PASSWORD })).await.expect(200);
    app.console_log_in("lin", PASSWORD).await.expect(200);
    elsewhere.console_log_in("lin", PASSWORD).await.expect(200);
    app.console_log_in("lin 2", PASSWORD).await.expect(429);
}

async fn right_passwords_at_once_lock_nobody_out(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let mut logins = JoinSet::new();
    for _ in 0..30 {
        let app = app.clone();
        logins.spawn(async move { app.console_log_in("lin", PASSWORD).await.status.as_u16() });
    }
    assert_eq!(logins.join_all().await, [200; 30]);
}

async fn failures_of_one_address_are_limited(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let guesser = app.at_address("203.0.113.9");
    for _ in 0..100 {
        let status = guesser.console_log_in("nobody", "wrong").await.status.as_u16();
        assert!(matches!(status, 401 | 429), "{status}");
    }
    let answer = guesser.console_log_in("lin", PASSWORD).await;
    problem(&answer, 429);
    assert_eq!(answer.header("retry-after"), "900");
    app.console_log_in("lin", PASSWORD).await.expect(200);
    app.clock.advance(15 * MINUTE);
    guesser.console_log_in("lin", PASSWORD).await.expect(200);
}

async fn a_console_session_changes_things_from_its_own_pages_only(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let token = app.console_log_in("lin", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let browser = app.with("cookie", &format!("yuyue_session={token}"));
    let brand = json!({ "name": "爱美兔" });
    problem(&browser.post(&path("brands"), brand.clone()).await, 403);
    for foreign in
        ["https://evil.example", "http://yuyue.test.evil.example", "http://yuyue.test:81", "null", ""]
    {
        let answer = browser.with("origin", foreign).post(&path("brands"), brand.clone()).await;
        problem(&answer, 403);
        problem(&browser.with("origin", foreign).delete(&path("session")).await, 403);
        browser.with("origin", foreign).get(&path("brands")).await.expect(200);
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM brand").await, 0);
    browser.with("origin", "http://yuyue.test").post(&path("brands"), brand.clone()).await.expect(201);
    let script = app.bearer(&token);
    script.post(&path("brands"), brand).await.expect(201);
    browser.with("origin", "http://yuyue.test").delete(&path("session")).await.expect(204);
}

async fn another_sites_page_cannot_log_a_browser_in(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let foreign = app.with("origin", "https://evil.example");
    let answer = foreign.console_log_in("lin", PASSWORD).await;
    problem(&answer, 403);
    assert_eq!(answer.header("set-cookie"), "");
    app.with("origin", "http://yuyue.test").console_log_in("lin", PASSWORD).await.expect(200);
    let listed =
        foreign.again(|config| config.server.cors_origins = vec!["https://evil.example".into()]).await;
    listed.console_log_in("lin", PASSWORD).await.expect(200);
}
