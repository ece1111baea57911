//! What the demo's market starts with.

use jpeg_encoder::{ColorType, Encoder};

use crate::homemaking::states::ServiceState::{self, Pending, Published, Refused};
use crate::homemaking::{OFFERED, WANTED};

/// The demo's users, from `demo-1` on.
pub(super) const NICKNAMES: [&str; 5] = ["沁塵", "慕慕1617", "黄老师", "小陈", "阿玲"];

/// A service.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    /// Whose: the number of a user, from 1.
    pub publisher: usize,
    pub category: i64,
    pub kind: i64,
    pub title: &'static str,
    pub description: &'static str,
    /// Whether the consumer says where.
    pub designated_place: i64,
    pub yuan: i64,
    pub status: ServiceState,
}

/// What most of them are: published, offered, done at the consumer's place.
const fn offer(
    publisher: usize,
    category: i64,
    yuan: i64,
    title: &'static str,
    description: &'static str,
) -> Sample {
    let (kind, designated_place, status) = (OFFERED, 1, Published);
    Sample { publisher, category, kind, title, description, designated_place, yuan, status }
}

pub(super) const SERVICES: [Sample; 9] = [
    offer(1, 1, 120, "日常保洁两小时", "两室一厅日常打扫，自带工具，含厨房和卫生间。"),
    offer(1, 3, 80, "厨房下水道疏通", "机器疏通，不通不收费，半小时内上门。"),
    offer(
        2,
        5,
        300,
        "节假日宠物寄养",
        "五一劳动节三天假期宠物寄养服务，代遛（一天至少一次），代喂食，狗粮需自备。",
    ),
    Sample {
        designated_place: 0,
        ..offer(3, 4, 20_000, "Java 入门到进阶", "Java 入门到进阶，包教包会，一个月时间。")
    },
    offer(3, 2, 60, "上门更换雨刮和电瓶", "全车型雨刮、电瓶上门更换，材料费另计。"),
    offer(4, 6, 199, "老人陪诊半天", "陪同挂号、就诊、取药，提供就诊记录。"),
    Sample {
        kind: WANTED, ..offer(4, 5, 50, "找人周末遛狗", "柯基一只，周六周日各一小时。")
    },
    Sample { status: Pending, ..offer(5, 1, 150, "擦玻璃", "高层玻璃内外擦洗，按户计价。") },
    Sample {
        designated_place: 0,
        status: Refused,
        ..offer(5, 7, 99, "相亲资料撰写", "一小时访谈，三天内交稿。")
    },
];

/// How far an order goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Until {
    Placed,
    Rejected,
    Agreed,
    Paid,
    RefundAsked,
    Confirmed,
    Rated,
}

/// An order: of which service and by which user, both counted from 1, and how far it goes.
#[derive(Clone, Copy)]
pub(super) struct SampleOrder {
    pub service: usize,
    pub consumer: usize,
    pub until: Until,
}

const fn order(service: usize, consumer: usize, until: Until) -> SampleOrder {
    SampleOrder { service, consumer, until }
}

pub(super) const ORDERS: [SampleOrder; 7] = [
    order(1, 2, Until::Placed),
    order(1, 3, Until::Agreed),
    order(3, 1, Until::Paid),
    order(2, 4, Until::Confirmed),
    order(1, 5, Until::Rated),
    order(4, 2, Until::Rejected),
    order(6, 1, Until::RefundAsked),
];

/// A house before a colour that depends on the category, as a JPEG.
pub(super) fn picture(category: i64) -> Vec<u8> {
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
