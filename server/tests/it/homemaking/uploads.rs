//! Uploads as clients really send them: names in any charset, pictures that browsers show, and what those
//! nobody has claimed may take.

use axum::http::Method;
use futures_util::future::join_all;
use image::ImageFormat;
use serde_json::json;
use yuyue::clock::{DAY, HOUR, MINUTE};

use super::files::{BOUNDARY, picture};
use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    a_file_is_one_however_its_name_is_written,
    a_part_with_a_file_name_is_stored_or_refused,
    the_content_decides_not_the_name,
    a_refusal_says_what_was_found,
    what_browsers_show_is_mended,
    pixels_that_are_missing_are_refused,
    a_stranger_has_a_budget_a_day,
    strangers_have_a_budget_together,
    uploads_at_once_keep_to_the_budget,
    strangers_do_not_fill_the_disk,
    what_a_stranger_leaves_goes_after_an_hour,
}

/// The headers of a part behind `form-data; `, and its content.
type Part<'a> = (Vec<u8>, &'a [u8]);

fn part<'a>(key: &str, file: &str, content: &'a [u8]) -> Part<'a> {
    (format!("name=\"{key}\"; filename=\"{file}\"").into_bytes(), content)
}

impl TestApp {
    async fn upload_parts(&self, parts: &[Part<'_>]) -> Answer {
        let mut body = Vec::new();
        for (headers, content) in parts {
            body.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; ").as_bytes());
            body.extend_from_slice(&[headers, b"\r\n\r\n".as_slice(), content, b"\r\n"].concat());
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let sender = self.with("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"));
        sender.send(Method::POST, "/homemaking/v1/file", body).await
    }

    async fn upload_named(&self, name: &str, content: &[u8]) -> Answer {
        self.upload_parts(&[part("f", name, content)]).await
    }

    async fn shown(&self, answer: &Answer) -> Vec<u8> {
        let data = answer.made();
        let path = data[0]["path"].as_str().unwrap().strip_prefix("http://yuyue.test").unwrap().to_owned();
        self.get(&path).await.expect(200).body.to_vec()
    }
}

async fn a_file_is_one_however_its_name_is_written(app: TestApp) {
    let jpeg = picture(ImageFormat::Jpeg);
    let names: [&[u8]; 11] = [
        b"name=\"f\"; filename*=utf-8''%E7%85%A7%E7%89%87.jpg",
        b"name=\"f\"; filename=\"x.txt\"; filename*=GBK''%D5%D5%C6%AC.jpg",
        // 照片.jpg in GBK, quoted and not, and 功.jpg in Big5, whose second byte is that of a backslash.
        b"name=\"f\"; filename=\"\xd5\xd5\xc6\xac.jpg\"",
        b"name=\"f\"; filename=\xd5\xd5\xc6\xac.jpg",
        b"name=\"f\"; filename=\"\xa5\x5c.jpg\"",
        b"name=\"f\"; filename=\"=?UTF-8?B?54Wn54mHLmpwZw==?=\"",
        b"name=\"f\"; filename=\"=?gb2312?Q?=D5=D5=C6=AC=2Ejpg?=\"",
        b"name=\"f\"; filename*0=\"a very\"; filename*1=\" long name.jpg\"",
        b"filename=\"a.jpg\"; name=\"f\"",
        b"name=\"f\"; FILENAME=a.jpg",
        b"name=\"f\"\r\nContent-Type: image/jpeg",
    ];
    for name in names {
        let answer = app.upload_parts(&[(name.to_vec(), &jpeg)]).await;
        let text = String::from_utf8_lossy(name);
        assert_eq!(answer.made()[0]["key"], "f", "{text}");
        assert_eq!(image::load_from_memory(&app.shown(&answer).await).unwrap().width(), 24, "{text}");
    }
    let named = app.upload_parts(&[(b"name=\"\xd5\xd5\xc6\xac\"; filename=\"a.jpg\"".to_vec(), &jpeg)]).await;
    assert_eq!(named.made()[0]["key"], "照片");
}

async fn a_part_with_a_file_name_is_stored_or_refused(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let good = || part("a", "a.png", &png);
    let gbk = || (b"name=\"b\"; filename*=utf-8''%E7%85%A7.png".to_vec(), b"not a picture".as_slice());
    assert_eq!(app.upload_parts(&[good(), gbk()]).await.failure(), (400, 10004));
    // A form's field in which nobody chose a file is no file; one with a content is.
    let both = app.upload_parts(&[good(), part("c", "", &png)]).await.made();
    assert_eq!((&both[0]["key"], &both[1]["key"]), (&json!("a"), &json!("c")));
    assert_eq!(app.upload_parts(&[good(), part("c", "", b"")]).await.made().as_array().unwrap().len(), 1);
    assert_eq!(app.upload_parts(&[part("c", "", b"")]).await.failure(), (400, 10003));
    assert_eq!(app.upload_parts(&[good(), part("c", "", b"hello")]).await.failure(), (400, 10004));
}

async fn the_content_decides_not_the_name(app: TestApp) {
    let kinds = [
        (ImageFormat::Jpeg, "image/jpeg", "jpg"),
        (ImageFormat::Png, "image/png", "png"),
        (ImageFormat::Gif, "image/gif", "gif"),
        (ImageFormat::WebP, "image/webp", "webp"),
    ];
    for (format, media, extension) in kinds {
        let content = picture(format);
        for name in ["a.png", "a.jpg", "a.HEIC", "a", "微信图片_2021.10.01", "wx.v1\\a", "a.jpg "] {
            let answer = app.upload_named(name, &content).await;
            let path = answer.made()[0]["path"].as_str().unwrap().to_owned();
            assert!(path.ends_with(&format!(".{extension}")), "{name}: {path}");
            let shown = app.get(path.strip_prefix("http://yuyue.test").unwrap()).await.expect(200);
            assert_eq!(shown.header("content-type"), media, "{name}");
        }
        for name in ["a.exe", "a.jpg.html", "a.svg", "a.文档", "a.php "] {
            assert_eq!(app.upload_named(name, &content).await.failure(), (400, 10004), "{name}");
        }
        app.clock.advance(MINUTE);
    }
}

async fn a_refusal_says_what_was_found(app: TestApp) {
    let jpeg = picture(ImageFormat::Jpeg);
    let cases: [(&[u8], &str); 8] = [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "内容是 HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "内容是 AVIF"),
        (b"BM\x36\0\0\0\0\0\0\0", "内容是 BMP"),
        (b"%PDF-1.7", "内容是 PDF"),
        (b"\xef\xbb\xbf<svg xmlns='http://www.w3.org/2000/svg'/>", "内容是 SVG"),
        (b"PK\x03\x04", "内容是 ZIP"),
        (b"", "内容是 空文件"),
        (&jpeg[..jpeg.len() / 2], "内容是不完整或损坏的 JPEG"),
    ];
    for (content, found) in cases {
        let answer = app.upload_named("a.jpg", content).await;
        assert_eq!(answer.failure(), (400, 10004), "{found}");
        assert!(answer.says().contains(found), "{answer:?}");
    }
    assert!(app.upload_named("a.EXE", &jpeg).await.says().contains(".exe"));
}

async fn what_browsers_show_is_mended(app: TestApp) {
    let (jpeg, png, gif) = (picture(ImageFormat::Jpeg), picture(ImageFormat::Png), picture(ImageFormat::Gif));
    let first = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]]));
    let stray = [&jpeg[..first], b"\0\x01stray\xff\0", &jpeg[first..]].concat();
    let cases: [(&[u8], &[u8]); 8] = [
        (&jpeg[..jpeg.len() - 2], &jpeg),
        (&jpeg[..jpeg.len() - 1], &jpeg),
        (&stray, &jpeg),
        (&gif[..gif.len() - 1], &gif),
        (&gif[..gif.len() - 2], &gif),
        (&png[..png.len() - 12], &png),
        (&png[..png.len() - 5], &png),
        (&png[..png.len() - 14], &png),
    ];
    for (number, (content, whole)) in cases.into_iter().enumerate() {
        let shown = app.shown(&app.upload_named("a.jpg", content).await).await;
        let whole = image::load_from_memory(whole).unwrap();
        assert_eq!(image::load_from_memory(&shown).unwrap(), whole, "case {number}");
        let again = app.shown(&app.upload_named("a.jpg", &shown).await).await;
        assert_eq!(again, shown, "case {number}: there is nothing more to mend");
    }
}

async fn pixels_that_are_missing_are_refused(app: TestApp) {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let whole = picture(format);
        for end in [whole.len() / 4, whole.len() / 2, whole.len() - 20] {
            let answer = app.upload_named("a.jpg", &whole[..end]).await;
            assert_eq!(answer.failure(), (400, 10004), "{format:?} cut at {end}");
        }
    }
}

/// The application with a budget of so many pictures.
async fn with_budgets(app: &TestApp, per_address: i64, all: i64) -> TestApp {
    let size = i64::try_from(picture(ImageFormat::Png).len()).unwrap();
    app.again(move |config| {
        config.storage.unclaimed_per_address = per_address * size;
        config.storage.unclaimed = all * size;
    })
    .await
}

async fn a_stranger_has_a_budget_a_day(app: TestApp) {
    let app = with_budgets(&app, 2, 0).await;
    let png = picture(ImageFormat::Png);
    let first = app.upload_named("a.png", &png).await.made()[0]["id"].clone();
    app.upload_named("a.png", &png).await.made();
    let refused = app.upload_named("a.png", &png).await;
    assert_eq!((refused.failure(), refused.header("retry-after")), ((429, 429), "57600"));
    assert!(refused.says().contains("登录"), "{refused:?}");
    app.at_address("192.0.2.9").upload_named("a.png", &png).await.made();
    // A user is nobody's budget, and what is shown leaves it; a token that is not good is none.
    let user = app.user(1).await;
    user.upload_named("a.png", &png).await.made();
    assert_eq!(app.with("token", "wrong").upload_named("a.png", &png).await.failure(), (429, 429));
    let mut draft = app.draft().await;
    draft["cover_image_id"] = first.clone();
    let service = user.service(draft.clone()).await;
    app.upload_named("a.png", &png).await.made();
    assert_eq!(app.upload_named("a.png", &png).await.failure(), (429, 429));
    // Claimed once more, it gives nothing back a second time.
    user.home_put(&format!("service/{service}"), draft).await.expect(200);
    assert_eq!(app.upload_named("a.png", &png).await.failure(), (429, 429));
    // What is removed counts until the day is over, and a form that is refused does not count at all.
    app.clock.advance(2 * HOUR);
    app.drain_outbox().await;
    assert_eq!(app.upload_named("a.png", &png).await.failure(), (429, 429));
    app.clock.advance(DAY);
    app.drain_outbox().await;
    for _ in 0..3 {
        assert_eq!(
            app.upload_parts(&[part("f", "a.png", &png), part("f", "a.png", b"x")]).await.failure(),
            (400, 10004)
        );
    }
    app.upload_parts(&[part("f", "a.png", &png), part("f", "a.png", &png)]).await.made();
    assert_eq!(app.upload_named("a.png", &png).await.failure(), (429, 429));
}

async fn strangers_have_a_budget_together(app: TestApp) {
    let app = with_budgets(&app, 0, 3).await;
    let png = picture(ImageFormat::Png);
    for host in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        app.at_address(host).upload_named("a.png", &png).await.made();
    }
    let other = app.at_address("192.0.2.4");
    assert_eq!(other.upload_named("a.png", &png).await.failure(), (500, 10007));
    app.user(1).await.upload_named("a.png", &png).await.made();
    app.clock.advance(HOUR + 10 * MINUTE);
    app.drain_outbox().await;
    other.upload_named("a.png", &png).await.made();
}

async fn uploads_at_once_keep_to_the_budget(app: TestApp) {
    let app = with_budgets(&app, 3, 5).await;
    let png = picture(ImageFormat::Png);
    let senders: Vec<_> = (0..4).map(|n| app.at_address(&format!("192.0.2.{}", n % 2))).collect();
    let uploads = senders.iter().flat_map(|sender| (0..3).map(|_| sender.upload_named("a.png", &png)));
    let answers = join_all(uploads).await;
    let taken = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(taken, 5, "{answers:?}");
    let kept = "SELECT count(*) AS value FROM home_file WHERE doomed_at IS NULL";
    assert_eq!(app.number(kept).await, 5);
    let counted = app.number("SELECT bytes AS value FROM upload_budget WHERE name = 'all'").await;
    assert_eq!(counted, 5 * i64::try_from(png.len()).unwrap());
}

async fn strangers_do_not_fill_the_disk(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let full = app.again(|config| config.storage.free_floor = i64::MAX).await;
    let refused = full.upload_named("a.png", &png).await;
    assert_eq!(refused.failure(), (500, 10007));
    assert!(refused.says().contains("存储空间不足"), "{refused:?}");
    assert_eq!(app.number("SELECT count(*) AS value FROM home_file").await, 0);
    full.user(1).await.upload_named("a.png", &png).await.made();
    app.again(|config| config.storage.free_floor = 1).await.upload_named("a.png", &png).await.made();
}

async fn what_a_stranger_leaves_goes_after_an_hour(app: TestApp) {
    let png = picture(ImageFormat::Png);
    let path = |answer: Answer| {
        let path = answer.made()[0]["path"].as_str().unwrap().to_owned();
        path.strip_prefix("http://yuyue.test").unwrap().to_owned()
    };
    let strangers = path(app.upload_named("a.png", &png).await);
    let users = path(app.user(1).await.upload_named("a.png", &png).await);
    app.clock.advance(50 * MINUTE);
    app.drain_outbox().await;
    app.get(&strangers).await.expect(200);
    app.clock.advance(20 * MINUTE);
    app.drain_outbox().await;
    assert_eq!(app.get(&strangers).await.failure(), (404, 10008));
    app.get(&users).await.expect(200);
    app.clock.advance(DAY);
    app.drain_outbox().await;
    assert_eq!(app.get(&users).await.failure(), (404, 10008));
}
