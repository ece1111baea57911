//! The demo's home services: five users, what they offer, and orders that have come to different ends.

use jpeg_encoder::{ColorType, Encoder};
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{Millis, Now};
use crate::error::Error;
use crate::homemaking::payments::pay::pay;
use crate::homemaking::ratings::{self, Given};
use crate::homemaking::refunds::{self, Ask};
use crate::homemaking::routes::staff::new_enrolment;
use crate::homemaking::rules::{Limits, Period};
use crate::homemaking::states::{By, OrderAction, RatingState, ServiceState};
use crate::homemaking::store::services::{self, Draft};
use crate::homemaking::store::users::Change;
use crate::homemaking::store::{enrolments, files as file_rows, orders as order_rows, users};
use crate::homemaking::view::Form;
use crate::homemaking::{Fen, OFFERED, User, WANTED, files, orders};
use crate::images::Format;

/// A service: whose, its category, title, description, where, price in yuan, type, and status.
struct Sample(i64, i64, &'static str, &'static str, i64, i64, i64, ServiceState);

use ServiceState::{Pending, Published, Refused};

const SERVICES: [Sample; 9] = [
    Sample(
        1,
        1,
        "日常保洁两小时",
        "两室一厅日常打扫，自带工具，含厨房和卫生间。",
        1,
        120,
        OFFERED,
        Published,
    ),
    Sample(1, 3, "厨房下水道疏通", "机器疏通，不通不收费，半小时内上门。", 1, 80, OFFERED, Published),
    Sample(
        2,
        5,
        "节假日宠物寄养",
        "五一劳动节三天假期宠物寄养服务，代遛（一天至少一次），代喂食，狗粮需自备。",
        1,
        300,
        OFFERED,
        Published,
    ),
    Sample(3, 4, "Java 入门到进阶", "Java 入门到进阶，包教包会，一个月时间。", 0, 20_000, OFFERED, Published),
    Sample(3, 2, "上门更换雨刮和电瓶", "全车型雨刮、电瓶上门更换，材料费另计。", 1, 60, OFFERED, Published),
    Sample(4, 6, "老人陪诊半天", "陪同挂号、就诊、取药，提供就诊记录。", 1, 199, OFFERED, Published),
    Sample(4, 5, "找人周末遛狗", "柯基一只，周六周日各一小时。", 1, 50, WANTED, Published),
    Sample(5, 1, "擦玻璃", "高层玻璃内外擦洗，按户计价。", 1, 150, OFFERED, Pending),
    Sample(5, 7, "相亲资料撰写", "一小时访谈，三天内交稿。", 0, 99, OFFERED, Refused),
];

const NICKNAMES: [&str; 5] = ["沁塵", "慕慕1617", "黄老师", "小陈", "阿玲"];

/// Writes the data, unless there is some already.
///
/// # Errors
/// When database, storage or the payment simulator refuse.
pub(super) async fn write(app: &App) -> Result<(), Error> {
    let existing = app.db.point("demo.market", |tx| services::find(tx, 1)).await?;
    if existing.is_some() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut pictures = Vec::new();
    for sample in &SERVICES {
        pictures.push(files::store(app, Format::Jpeg, picture(sample.1), &now).await?.id);
    }
    write_services(app, pictures, &now).await?;
    write_orders(app, &now).await
}

async fn write_services(app: &App, pictures: Vec<i64>, now: &Now) -> Result<(), Error> {
    let pairs: Vec<_> = (1..=5).map(|n| new_enrolment(app, &format!("demo-{n}"), 1000 + n, None)).collect();
    let now = now.clone();
    app.db
        .write("demo.services", move |tx| {
            for (pair, nickname) in pairs.iter().zip(NICKNAMES) {
                let Some(enrolment) = enrolments::issue(tx, pair, now.at)? else { continue };
                let change = Change {
                    nickname: nickname.to_owned(),
                    avatar: String::new(),
                    gender: enrolment.user_id % 2 + 1,
                    real_name: None,
                    tel: None,
                };
                users::change(tx, enrolment.user_id, &change)?;
            }
            for (sample, picture) in SERVICES.iter().zip(&pictures) {
                write_service(tx, sample, *picture, &now)?;
            }
            Ok::<_, Error>(())
        })
        .await
}

fn write_service(tx: &mut Tx<'_>, sample: &Sample, picture: i64, now: &Now) -> Result<(), Error> {
    let Sample(publisher, category_id, title, description, designated_place, price, kind, status) = *sample;
    let today = now.local().date();
    let begin = today.saturating_sub(jiff::ToSpan::days(7));
    let end = today.saturating_add(jiff::ToSpan::days(365));
    let draft = Draft {
        kind,
        category_id,
        title: title.to_owned(),
        description: description.to_owned(),
        cover_image_id: picture,
        designated_place,
        price: Fen(price * 100),
        begin_date: begin.to_string(),
        end_date: end.to_string(),
        period: Period::of_days(begin, end, now.zone())?,
    };
    file_rows::keep(tx, picture)?;
    file_rows::claim(tx, picture, now.at)?;
    let id = services::insert(tx, publisher, &draft, now.at)?;
    let refusal = if status == Refused { "请补充资质证明后重新提交" } else { "" };
    services::set_status(tx, id, status, refusal, now.at)
}

/// How far an order of the demo goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Until {
    Placed,
    Rejected,
    Agreed,
    Paid,
    RefundAsked,
    Confirmed,
    Rated,
}

/// Service, consumer, and how far it goes.
const ORDERS: [(i64, i64, Until); 7] = [
    (1, 2, Until::Placed),
    (1, 3, Until::Agreed),
    (3, 1, Until::Paid),
    (2, 4, Until::Confirmed),
    (1, 5, Until::Rated),
    (4, 2, Until::Rejected),
    (6, 1, Until::RefundAsked),
];

async fn write_orders(app: &App, now: &Now) -> Result<(), Error> {
    for (service, consumer, until) in ORDERS {
        let (limits, form, placed) = (orders::limits(&app.config), Form::new(app, ""), now.clone());
        let id = app
            .db
            .write("demo.order", move |tx| {
                let address = serde_json::json!({
                    "errMsg": "chooseAddress:ok", "userName": "张三", "telNumber": "020-81167888",
                    "provinceName": "广东省", "cityName": "广州市", "countyName": "海珠区",
                    "detailInfo": "新港中路397号", "postalCode": "510000", "nationalCode": "510000",
                });
                let address = address.to_string();
                let id = orders::place(tx, (consumer, service), Some(&address), &form, (&placed, limits))?;
                match until {
                    Until::Placed => {}
                    Until::Rejected => step(tx, id, (OrderAction::Reject, By::Publisher), placed.at, limits)?,
                    _ => step(tx, id, (OrderAction::Agree, By::Publisher), placed.at, limits)?,
                }
                Ok::<_, Error>(id)
            })
            .await?;
        if until >= Until::Paid {
            pay(app, User { id: consumer }, id, None).await?;
            let now = now.clone();
            let finish = move |tx: &mut Tx<'_>| finish(tx, (id, consumer), until, &now, limits);
            app.db.write("demo.finish_order", finish).await?;
        }
    }
    Ok(())
}

fn step(tx: &mut Tx<'_>, id: i64, what: (OrderAction, By), at: Millis, limits: Limits) -> Result<(), Error> {
    let Some(order) = order_rows::take(tx, id)? else { return Ok(()) };
    orders::advance(tx, &order, what, at, limits).map(drop)
}

fn finish(
    tx: &mut Tx<'_>,
    (order_id, consumer): (i64, i64),
    until: Until,
    now: &Now,
    limits: Limits,
) -> Result<(), Error> {
    let consumer = User { id: consumer };
    if until == Until::RefundAsked {
        let reason = "临时有事，不需要了。".to_owned();
        refunds::ask(tx, consumer, &Ask { order_id, reason, illustration: "[]".into() }, now)?;
    }
    if until >= Until::Confirmed {
        step(tx, order_id, (OrderAction::Confirm, By::Consumer), now.at, limits)?;
    }
    if until == Until::Rated {
        let given = Given {
            order_id,
            service_id: None,
            score: 5,
            content: "非常好，厨房擦得很干净。".into(),
            illustration: "[]".into(),
            status: RatingState::Shown,
        };
        ratings::rate(tx, consumer, &given, now.at, limits)?;
    }
    Ok(())
}

/// A house before a colour that depends on the category, as a JPEG.
fn picture(category: i64) -> Vec<u8> {
    const WIDTH: u16 = 480;
    const HEIGHT: u16 = 320;
    const GROUNDS: [[u8; 3]; 7] = [
        [136, 192, 208],
        [163, 190, 140],
        [94, 129, 172],
        [235, 203, 139],
        [208, 135, 112],
        [180, 142, 173],
        [191, 97, 106],
    ];
    let ground = usize::try_from(category - 1).ok().and_then(|of| GROUNDS.get(of)).unwrap_or(&GROUNDS[0]);
    let mut pixels = Vec::with_capacity(3 * usize::from(WIDTH) * usize::from(HEIGHT));
    for y in 0..i32::from(HEIGHT) {
        for x in 0..i32::from(WIDTH) {
            let from_middle = (x - 240).abs();
            let is_roof = (60..160).contains(&y) && from_middle < y - 40;
            let is_wall = (160..270).contains(&y) && from_middle < 95;
            let is_door = (200..270).contains(&y) && from_middle < 22;
            let colour = match (is_door, is_roof, is_wall) {
                (true, ..) => ground,
                (_, true, _) => &[76, 86, 106],
                (.., true) => &[236, 239, 244],
                _ => ground,
            };
            pixels.extend_from_slice(colour);
        }
    }
    let mut jpeg = Vec::new();
    // Encoding into memory fails only for pictures without pixels.
    let _ = Encoder::new(&mut jpeg, 85).encode(&pixels, WIDTH, HEIGHT, ColorType::Rgb);
    jpeg
}
