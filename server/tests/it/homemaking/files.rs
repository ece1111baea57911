//! Uploads: what is taken, how it is shown, and when it is removed.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::future::join;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Value, json};
use yuyue::adapters::s3_simulator::S3Simulator;
use yuyue::clock::{DAY, HOUR, MINUTE};
use yuyue::http::body_memory::Held;

use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    pictures_are_taken_and_shown,
    extensions_may_be_in_any_case,
    one_bad_file_keeps_none,
    nine_files_of_five_mebibytes_are_the_most,
    what_is_too_large_is_cut_off_while_it_arrives,
    a_form_may_come_in_drops,
    a_bomb_is_refused,
    a_photograph_tells_no_place,
    a_form_must_be_one,
    an_address_uploads_120_times_a_minute,
    a_repeat_with_a_key_is_one_upload,
    only_pictures_are_shown,
    a_browser_keeps_what_it_has,
    what_nothing_shows_is_removed,
    a_picture_is_shown_or_removed,
    a_cut_off_upload_leaves_nothing,
    a_bucket_keeps_pictures,
    a_full_store_is_told,
    uploads_share_a_bounded_memory,
    the_chat_has_a_ticket,
}

pub const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// A field of a form: its name, the file's name, and what is in it.
type Part<'a> = (&'a str, &'a str, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut form = Vec::new();
    for (field, file, content) in parts {
        let name = if file.is_empty() { String::new() } else { format!("; filename=\"{file}\"") };
        form.extend_from_slice(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"{name}\r\n\
                     Content-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

impl TestApp {
    async fn send_form(&self, body: impl Into<Body>) -> Answer {
        let sender = self.with("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"));
        sender.send(Method::POST, "/homemaking/v1/file", body).await
    }

    async fn upload(&self, parts: &[Part<'_>]) -> Answer {
        self.send_form(form(parts)).await
    }

    /// Uploads one picture; gives its id and its path on this server.
    async fn uploaded(&self) -> (i64, String) {
        let mut data = self.upload(&[("file1", "a.png", &picture(ImageFormat::Png))]).await.made();
        let path = data[0]["path"].as_str().unwrap().strip_prefix("http://yuyue.test").unwrap().to_owned();
        (data[0]["id"].take().as_i64().unwrap(), path)
    }

    async fn files(&self) -> i64 {
        self.number("SELECT count(*) AS value FROM home_file").await
    }

    /// How many files lie in the folder.
    fn stored(&self) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        count(&self.config.data_dir.join("files"))
    }
}

pub fn picture(format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let pixels =
        RgbImage::from_fn(24, 16, |x, y| image::Rgb([x.to_le_bytes()[0] * 9, y.to_le_bytes()[0] * 9, 99]));
    DynamicImage::from(pixels).write_to(&mut file, format).unwrap();
    file.into_inner()
}

async fn pictures_are_taken_and_shown(app: TestApp) {
    let kinds = [
        ("a.jpg", ImageFormat::Jpeg, "image/jpeg", "jpg"),
        ("照片.png", ImageFormat::Png, "image/png", "png"),
        ("c.gif", ImageFormat::Gif, "image/gif", "gif"),
        ("d.webp", ImageFormat::WebP, "image/webp", "webp"),
    ];
    let pictures: Vec<Vec<u8>> = kinds.iter().map(|(_, format, ..)| picture(*format)).collect();
    let parts: Vec<Part<'_>> =
        kinds.iter().zip(&pictures).map(|((name, ..), picture)| (*name, *name, picture.as_slice())).collect();
    let data = app.upload(&parts).await.made();
    let uploaded = data.as_array().unwrap();
    assert_eq!(uploaded.len(), 4);
    for ((one, (name, _, media, extension)), picture) in uploaded.iter().zip(kinds).zip(&pictures) {
        assert_eq!((&one["key"], one["id"].is_i64()), (&json!(name), true));
        let path = one["path"].as_str().unwrap().strip_prefix("http://yuyue.test").unwrap();
        let digits = path
            .strip_prefix("/homemaking/storage/20211001/")
            .unwrap()
            .strip_suffix(&format!(".{extension}"));
        assert!(digits.is_some_and(|digits| digits.len() == 32), "{path}");
        let shown = app.get(path).await.expect(200);
        assert_eq!(image::load_from_memory(&shown.body).unwrap(), image::load_from_memory(picture).unwrap());
        assert_eq!(
            (shown.header("content-type"), shown.header("x-content-type-options")),
            (media, "nosniff")
        );
        assert_eq!(shown.header("content-length"), shown.body.len().to_string());
        assert_eq!(shown.header("cache-control"), "public, max-age=31536000, immutable");
        let head = app.send(Method::HEAD, path, "").await.expect(200);
        assert_eq!((head.body.len(), head.header("content-length")), (0, shown.header("content-length")));
        assert_eq!(head.header("content-type"), media);
    }
    let user = app.user(1).await;
    let mut draft = user.draft().await;
    draft["cover_image_id"] = uploaded[0]["id"].clone();
    let service = user.service(draft).await;
    let shown = user.home_get(&format!("service/{service}")).await.ok();
    assert_eq!(shown["cover_image"], json!({ "id": uploaded[0]["id"], "path": uploaded[0]["path"] }));
}

async fn extensions_may_be_in_any_case(app: TestApp) {
    let jpeg = picture(ImageFormat::Jpeg);
    for name in ["a.JPG", "a.jpeg", "a.JpEg", "a.b.jpg", "C:\\a.jpg"] {
        app.upload(&[("f", name, &jpeg)]).await.made();
    }
    let before = app.files().await;
    let wrong: [(&str, &[u8]); 6] = [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("a.html", b"<html>"),
        ("a.jpg.exe", &jpeg),
        ("a.jpg", b""),
        ("a.jpg", b"GIF89a\x10\0\x10\0\0\0\0<script>alert(1)</script>"),
        ("a.jpg", &jpeg[..jpeg.len() / 2]),
    ];
    for (name, content) in wrong {
        assert_eq!(app.upload(&[("f", name, content)]).await.failure(), (400, 10004), "{name}");
    }
    assert_eq!(app.files().await, before);
}

async fn one_bad_file_keeps_none(app: TestApp) {
    let good = picture(ImageFormat::Png);
    for place in 0..3 {
        let mut parts = [("a", "a.png", good.as_slice()), ("b", "b.png", &good), ("c", "c.png", &good)];
        parts[place].2 = b"not a picture";
        assert_eq!(app.upload(&parts).await.failure(), (400, 10004));
    }
    assert_eq!((app.files().await, app.stored()), (0, 0));
}

async fn nine_files_of_five_mebibytes_are_the_most(app: TestApp) {
    const MOST: usize = 5 << 20;
    let png = picture(ImageFormat::Png);
    // What follows the end of a picture is cut away, but counts as sent.
    let mut largest = png.clone();
    largest.resize(MOST, 0);
    let nine: Vec<Part<'_>> = (0..9).map(|_| ("file", "a.png", largest.as_slice())).collect();
    assert_eq!(app.upload(&nine).await.made().as_array().unwrap().len(), 9);
    assert_eq!((app.files().await, app.stored()), (9, 9));
    let ten: Vec<Part<'_>> = (0..10).map(|_| ("file", "a.png", png.as_slice())).collect();
    assert_eq!(app.upload(&ten).await.failure(), (400, 10005));
    largest.push(0);
    let refused = app.upload(&[("a", "a.png", &png), ("b", "b.png", &largest)]).await;
    assert_eq!(refused.failure(), (400, 10006));
    assert_eq!((app.files().await, app.stored()), (9, 9));
}

async fn what_is_too_large_is_cut_off_while_it_arrives(app: TestApp) {
    let head =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n");
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    // A gigabyte, if somebody wants it.
    let chunks = (0..16_384).map(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from(vec![7; 65_536]))
    });
    let chunks = std::iter::once(Ok(Bytes::from(head))).chain(chunks);
    let endless = Body::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(app.send_form(endless).await.failure(), (400, 10006));
    let mebibytes = sent.load(Ordering::SeqCst) / 16;
    assert!((5..60).contains(&mebibytes), "{mebibytes} MiB were read");
    assert_eq!((app.files().await, app.stored()), (0, 0));
}

async fn a_form_may_come_in_drops(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let whole = form(&[("a", "a.png", &png), ("b", "b.png", &png)]);
    for size in [1, 2, BOUNDARY.len() + 3, 64, whole.len() - 1, whole.len()] {
        let drops: Vec<_> =
            whole.chunks(size).map(|drop| Ok::<_, std::io::Error>(Bytes::copy_from_slice(drop))).collect();
        let data = app.send_form(Body::from_stream(futures_util::stream::iter(drops))).await.made();
        assert_eq!((&data[0]["key"], &data[1]["key"]), (&json!("a"), &json!("b")), "{size}");
    }
}

async fn a_bomb_is_refused(app: TestApp) {
    let mut png = picture(ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let mut sum = flate2::Crc::new();
    sum.update(&png[12..29]);
    png[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    let refused = app.upload(&[("a", "a.png", &png)]).await;
    assert_eq!(refused.failure(), (400, 10006), "30,000 by 30,000 pixels in {} bytes", png.len());
    assert!(refused.says().contains("10000"), "{refused:?}");
    assert_eq!(app.files().await, 0);
}

async fn a_photograph_tells_no_place(app: TestApp) {
    const PLACE: &[u8] = b"31.2304N 121.4737E";
    let jpeg = picture(ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(PLACE);
    let size = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let photograph = [&jpeg[..2], &[0xff, 0xe1], size.as_slice(), &exif, &jpeg[2..], PLACE].concat();
    let data = app.upload(&[("a", "IMG_0001.JPG", &photograph)]).await.made();
    let path = data[0]["path"].as_str().unwrap().strip_prefix("http://yuyue.test").unwrap();
    let shown = app.get(path).await.expect(200).body;
    assert!(!shown.windows(PLACE.len()).any(|window| window == PLACE));
    assert_eq!(image::load_from_memory(&shown).unwrap(), image::load_from_memory(&jpeg).unwrap());
    let upright = b"\x01\x12\0\x03\0\0\0\x01\0\x06";
    assert!(shown.windows(upright.len()).any(|window| window == upright), "it is turned as it was taken");
}

async fn a_form_must_be_one(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let no_file = [
        app.send_form(format!("--{BOUNDARY}--\r\n")).await,
        app.upload(&[("text", "", b"hello")]).await,
        app.home_post("file", json!({ "file1": "x" })).await,
        app.with("content-type", "multipart/form-data").send(Method::POST, "/homemaking/v1/file", "x").await,
        app.with("content-type", "image/png").send(Method::POST, "/homemaking/v1/file", png.clone()).await,
    ];
    for answer in no_file {
        assert_eq!(answer.failure(), (400, 10003));
    }
    let whole = form(&[("a", "a.png", &png)]);
    for end in [1, 20, BOUNDARY.len() + 60, whole.len() - BOUNDARY.len(), whole.len() - 8] {
        let (status, code) = app.send_form(whole[..end].to_vec()).await.failure();
        assert!(status == 400 && [10000, 10003].contains(&code), "cut at {end}: {code}");
    }
    assert_eq!((app.files().await, app.stored()), (0, 0));
    let with_text =
        app.upload(&[("user", "", b"1"), ("file", "a.png", &png), ("note", "", b"x")]).await.made();
    assert_eq!(with_text[0]["key"], "file");
    let long = "长".repeat(257);
    assert_eq!(app.upload(&[(&long, "a.png", &png)]).await.failure(), (400, 10000));
    assert_eq!(app.home_get("file").await.failure(), (405, 405));
}

async fn an_address_uploads_120_times_a_minute(app: TestApp) {
    let empty = format!("--{BOUNDARY}--\r\n");
    for _ in 0..120 {
        assert_eq!(app.send_form(empty.clone()).await.failure(), (400, 10003));
    }
    let png = picture(ImageFormat::Png);
    let refused = app.upload(&[("a", "a.png", &png)]).await;
    assert_eq!((refused.failure(), refused.header("retry-after")), ((429, 429), "60"));
    app.at_address("192.0.2.9").upload(&[("a", "a.png", &png)]).await.made();
    app.clock.advance(MINUTE);
    app.upload(&[("a", "a.png", &png)]).await.made();
    // Each file counts, not each form.
    let nine: Vec<Part<'_>> =
        ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|key| (key, "a.png", png.as_slice())).into();
    for _ in 0..13 {
        app.upload(&nine).await.made();
    }
    let kept = app.files().await;
    assert_eq!(app.upload(&nine).await.failure(), (429, 429));
    assert_eq!(app.files().await, kept, "of a form that is too much nothing stays");
}

async fn a_repeat_with_a_key_is_one_upload(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let once = app.with("idempotency-key", "u-1");
    let first = once.upload(&[("a", "a.png", &png)]).await.made();
    assert_eq!(once.upload(&[("a", "a.png", &png)]).await.made(), first);
    assert_eq!(once.upload(&[("b", "a.png", &png)]).await.failure().0, 422);
    let whole = "SELECT count(*) AS value FROM home_file WHERE doomed_at IS NULL";
    assert_eq!(app.number(whole).await, 1);
    app.clock.advance(DAY + HOUR);
    app.drain_outbox().await;
    assert_eq!((app.files().await, app.stored()), (0, 0), "what the repeats brought goes too");
}

async fn only_pictures_are_shown(app: TestApp) {
    let (_, path) = app.uploaded().await;
    let (folder, name) = path.rsplit_once('/').unwrap();
    for other in [
        format!("{folder}/{}", name.replace(".png", ".jpg")),
        format!("{folder}/{}", name.replace(".png", "")),
        format!("{folder}/{name}/"),
        format!("{folder}/../{name}"),
        format!("/homemaking/storage/20211002/{name}"),
        "/homemaking/storage/../../secret.key".into(),
        "/homemaking/storage/..%2f..%2fsecret.key".into(),
        "/homemaking/storage/%2e%2e/secret.key".into(),
        "/homemaking/storage/".into(),
        format!("{folder}/"),
    ] {
        assert_eq!(app.get(&other).await.failure(), (404, 10008), "{other}");
    }
    assert_eq!(app.post(&path, json!({})).await.failure().0, 405);
}

async fn a_browser_keeps_what_it_has(app: TestApp) {
    let (_, path) = app.uploaded().await;
    let tag = app.get(&path).await.expect(200).header("etag").to_owned();
    assert_eq!(tag.len(), 34);
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
        for method in [Method::GET, Method::HEAD] {
            let answer = app.with("if-none-match", &known).send(method, &path, "").await.expect(304);
            assert_eq!((answer.body.len(), answer.header("etag")), (0, tag.as_str()));
            assert!(answer.header("cache-control").contains("immutable"));
        }
    }
    app.with("if-none-match", "\"another\"").get(&path).await.expect(200);
}

async fn what_nothing_shows_is_removed(app: TestApp) {
    let user = app.user(1).await;
    let (cover, unused, avatar, pictured) =
        (app.uploaded().await, app.uploaded().await, app.uploaded().await, app.uploaded().await);
    let mut draft = user.draft().await;
    draft["cover_image_id"] = json!(cover.0);
    user.service(draft).await;
    // A server may be reached under several names.
    let address = format!("https://book.example.com{}", avatar.1);
    user.home_put("user", json!({ "nickname": "沁塵", "gender": 1, "avatar": address })).await.ok();
    let deal = app.deal().await;
    let mut ask = json!({ "order_id": deal.order, "reason": "x" });
    ask["illustration"] =
        json!([format!("http://yuyue.test{}", pictured.1), "https://img.example.com/1.png"]);
    deal.consumer.home_post("refund", ask).await.made();

    app.get(&unused.1).await.expect(200);
    app.clock.advance(2 * HOUR);
    app.drain_outbox().await;
    for (_, path) in [&cover, &avatar, &pictured] {
        app.get(path).await.expect(200);
    }
    assert_eq!(app.get(&unused.1).await.failure(), (404, 10008));
    assert_eq!(app.stored(), 3);
    let left = app.texts("SELECT CAST(id AS TEXT) AS value FROM home_file ORDER BY id").await;
    assert!(!left.contains(&unused.0.to_string()), "{left:?}");
    let mut draft = user.draft().await;
    draft["cover_image_id"] = json!(unused.0);
    let refused = user.home_post("service", draft).await;
    assert_eq!(refused.failure(), (400, 10000));
    assert!(refused.says().contains("cover_image_id: "));
}

/// Each is claimed by a service or removed, never both.
async fn a_picture_is_shown_or_removed(app: TestApp) {
    let draft = app.draft().await;
    for round in 0..12 {
        let (id, path) = app.uploaded().await;
        app.clock.advance(DAY + HOUR);
        let user = app.user(1).await;
        let mut draft = draft.clone();
        draft["cover_image_id"] = json!(id);
        let claim = user.home_post("service", draft);
        let claimed = match round % 2 {
            0 => join(claim, app.drain_outbox()).await.0,
            _ => join(app.drain_outbox(), claim).await.1,
        };
        let (status, rows) =
            (app.get(&path).await.status, format!("SELECT count(*) AS value FROM home_file WHERE id = {id}"));
        if claimed.status == 201 {
            assert_eq!((status.as_u16(), app.number(&rows).await), (200, 1), "it is shown");
        } else {
            assert_eq!(claimed.failure(), (400, 10000));
            assert_eq!((status.as_u16(), app.number(&rows).await), (404, 0), "it is removed");
        }
    }
}

async fn a_cut_off_upload_leaves_nothing(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let whole = form(&[("a", "a.png", &png), ("b", "b.png", &png)]);
    let (first, rest) = whole.split_at(whole.len() - 40);
    // The first file is stored already when the second one stays away.
    let chunks = [Ok(Bytes::copy_from_slice(first)), Err(std::io::Error::other("the line is cut"))];
    let broken = Body::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(app.send_form(broken).await.failure(), (400, 10000));
    assert_eq!((app.files().await, app.stored(), rest.len()), (0, 0, 40));
    // A process that was killed in between leaves a row that is doomed; a day later it goes.
    app.upload(&[("a", "a.png", &png)]).await.made();
    app.execute("UPDATE home_file SET doomed_at = created_at").await;
    app.clock.advance(DAY + HOUR);
    app.drain_outbox().await;
    assert_eq!((app.files().await, app.stored()), (0, 0));
}

fn in_bucket(simulator: &S3Simulator) -> impl FnOnce(&mut yuyue::config::Config) {
    let bucket = simulator.bucket();
    move |config| {
        let storage = &mut config.storage;
        (storage.bucket, storage.endpoint, storage.region) = (bucket.name, bucket.endpoint, bucket.region);
        storage.bucket_in_path = bucket.in_path;
        (storage.access_key_id, storage.secret_access_key) = (bucket.access_key_id, bucket.secret_access_key);
    }
}

async fn a_bucket_keeps_pictures(app: TestApp) {
    let simulator = S3Simulator::start().await.unwrap();
    let app = app.again(in_bucket(&simulator)).await;
    let (_, path) = app.uploaded().await;
    assert_eq!(simulator.names(), [path.strip_prefix("/homemaking/storage/").unwrap()]);
    assert_eq!(app.stored(), 0);
    let shown = app.get(&path).await.expect(200);
    assert_eq!(image::load_from_memory(&shown.body).unwrap().width(), 24);
    let length = app.send(Method::HEAD, &path, "").await.expect(200).header("content-length").to_owned();
    assert_eq!(length, shown.body.len().to_string());
    simulator.fail(u32::MAX);
    assert_eq!(app.get(&path).await.status, 503, "it is not gone, the store is");
    simulator.fail(0);
    app.clock.advance(DAY + HOUR);
    app.drain_outbox().await;
    assert_eq!(app.get(&path).await.failure(), (404, 10008));
    assert_eq!(simulator.names(), [""; 0]);
}

async fn a_full_store_is_told(app: TestApp) {
    let simulator = S3Simulator::start().await.unwrap();
    let app = app.again(in_bucket(&simulator)).await;
    let png = picture(ImageFormat::Png);
    simulator.fail(u32::MAX);
    let answer = app.upload(&[("a", "a.png", &png)]).await;
    assert_eq!(answer.failure(), (500, 10007));
    assert!(!answer.says().contains("127.0.0.1") && !answer.says().contains("SlowDown"), "{answer:?}");
    simulator.fail(0);
    app.clock.advance(DAY + HOUR);
    app.drain_outbox().await;
    assert_eq!(app.files().await, 0);
}

async fn uploads_share_a_bounded_memory(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let all = app.body_memory.free();
    let take = |host: &str, bytes: usize| {
        let mut held = Held::default();
        app.body_memory.share(host.parse().unwrap()).take(bytes, &mut held).unwrap();
        held
    };
    // One address, sending slowly: the others do not feel it.
    let first = take("127.0.0.1", (64 << 20) - 10);
    let refused = app.upload(&[("a", "a.png", &png)]).await;
    assert_eq!((refused.failure(), refused.header("retry-after")), ((429, 429), "1"));
    let other = app.at_address("192.0.2.9");
    other.upload(&[("a", "a.png", &png)]).await.made();
    // Four of them.
    let others = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|host| take(host, 64 << 20));
    let refused = other.upload(&[("a", "a.png", &png)]).await;
    assert_eq!((refused.failure(), refused.header("retry-after")), ((503, 503), "1"));
    drop((first, others));
    app.upload(&[("a", "a.png", &png)]).await.made();
    assert_eq!(app.body_memory.free(), all);
}

async fn the_chat_has_a_ticket(app: TestApp) {
    let signed = app.again(|config| {
        config.im.app_id = 1_400_000_000;
        config.im.key = "0123456789abcdef".repeat(4);
    });
    let user = app.user(1).await;
    assert_eq!(app.home_get("user/sign").await.failure(), (401, 10001));
    let token = user.own_headers().iter().find(|(name, _)| name == "token").unwrap().1.clone();
    let data = signed.await.with("token", &token).home_get("user/sign").await.ok();
    let id = user.home_get("user").await.ok()["id"].as_i64().unwrap();
    assert_eq!(data["user_id"], id);
    let ticket = yuyue::adapters::im::unpacked(data["sign"].as_str().unwrap()).unwrap();
    let said = ["TLS.identifier", "TLS.sdkappid", "TLS.time", "TLS.expire"].map(|name| ticket[name].clone());
    assert_eq!(Value::from(said.to_vec()), json!([id.to_string(), 1_400_000_000, 1_633_046_400, 93_600]));
    let unset = app.again(|config| config.im.app_id = 0).await.with("token", &token);
    let refused = unset.home_get("user/sign").await;
    assert_eq!(refused.failure(), (400, 10009));
    assert!(refused.says().contains("im.app_id"), "{refused:?}");
}
