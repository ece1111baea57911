//! The shapes of the document, as they stand on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::{Millis, local, text};
use crate::homemaking::category_of;
use crate::homemaking::money::Fen;
use crate::homemaking::rules::score_text;
use crate::homemaking::states::Term as _;
use crate::homemaking::store::orders::OrderWithParties;
use crate::homemaking::store::services::Service;
use crate::http::envelope::HOMEMAKING;
use crate::http::page::Page;

/// How things are shown to one request.
pub struct Form {
    zone: jiff::tz::TimeZone,
    /// Where pictures are reached, with a slash at the end.
    storage: String,
    /// The picture of whoever has none.
    default_avatar: String,
    /// Whether people's real names and numbers are left out.
    is_for_guest: bool,
}

impl Form {
    /// `base` is where this server is reached.
    #[must_use]
    pub fn new(app: &App, base: &str) -> Self {
        Self {
            zone: app.clock.zone().clone(),
            storage: storage(base),
            default_avatar: default_avatar(base),
            is_for_guest: false,
        }
    }

    /// For somebody who has not said who they are.
    #[must_use]
    pub fn for_guest(self) -> Self {
        Self { is_for_guest: true, ..self }
    }

    /// Somebody, as they are shown: always with a picture, and to guests without what reaches them.
    #[must_use]
    pub fn person(&self, person: Person) -> Person {
        let avatar = if person.avatar.is_empty() { self.default_avatar.clone() } else { person.avatar };
        let (real_name, tel) = if self.is_for_guest { (None, None) } else { (person.real_name, person.tel) };
        Person { avatar, real_name, tel, ..person }
    }

    /// `2021-03-07 14:32:20`
    #[must_use]
    pub fn time(&self, at: Millis) -> String {
        text(local(&self.zone, at))
    }

    /// The absolute address of a picture.
    #[must_use]
    pub fn picture(&self, path: &str) -> String {
        format!("{}{path}", self.storage)
    }
}

/// Where the pictures are reached of a server that is reached at `base`.
#[must_use]
pub fn storage(base: &str) -> String {
    format!("{base}{HOMEMAKING}/storage/")
}

/// The address of the picture of whoever has none, of a server that is reached at `base`.
#[must_use]
pub fn default_avatar(base: &str) -> String {
    format!("{base}{HOMEMAKING}/avatar.png")
}

/// A page of a list (分页).
#[derive(Serialize, ToSchema)]
pub struct Paged<T> {
    /// How many there are on all pages (查询结果的总记录数).
    pub total: i64,
    /// How many a page has at most (查询记录数).
    pub per_page: i64,
    /// The number of this page (当前页码).
    pub current_page: i64,
    /// The number of the last page, at least 1 (最大页码).
    pub last_page: i64,
    /// What is on this page (分页内容).
    pub data: Vec<T>,
}

impl<T> Paged<T> {
    #[must_use]
    pub fn new(page: Page, total: i64, data: Vec<T>) -> Self {
        let last_page = ((total + page.size - 1) / page.size).max(1);
        Self { total, per_page: page.size, current_page: page.number, last_page, data }
    }
}

/// Somebody, as others see them (发布者、消费者、评价人).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// User id (用户 id).
    pub id: i64,
    /// WeChat nickname (用户微信昵称).
    pub nickname: String,
    /// Address of the picture (用户头像图片地址); a plain one of ours while they have none.
    pub avatar: String,
    /// Real name (用户真实姓名), null while there is none.
    pub real_name: Option<String>,
    /// Gender (性别): 0 unknown (未知), 1 male (男), 2 female (女).
    pub gender: i64,
    /// Telephone number (用户手机号码), null while there is none.
    pub tel: Option<String>,
}

/// A category (分类).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CategoryView {
    /// Category id (分类 id).
    pub id: i64,
    /// Its name (分类名称).
    pub name: String,
}

/// A cover image (封面图).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// Image id (图片 id).
    pub id: i64,
    /// Its address (图片url).
    pub path: String,
}

/// A service on the public list (已发布的服务).
#[derive(Serialize, ToSchema)]
pub struct ListedService {
    /// Service id (服务 id).
    pub id: i64,
    /// Type (服务所属类型): 1 offered (在提供), 2 wanted (正在找).
    #[serde(rename = "type")]
    pub kind: i64,
    /// Whether the consumer says where (是否要求预约人指定服务地点): 1 yes (是), 0 no (否).
    pub designated_place: i64,
    /// Title (服务标题).
    pub title: String,
    /// Description (服务详情描述).
    pub description: String,
    /// Price in yuan, two decimals (服务价格).
    pub price: String,
    /// Mean of the ratings (服务的历史平均评分), such as `4.5`, `5`, or `0` for none.
    pub score: String,
    /// Confirmed orders (历史销量).
    pub sales_volume: i64,
    /// When it was created (服务创建时间).
    pub create_time: String,
    /// Who publishes it (服务发布者个人信息).
    pub publisher: Person,
    /// Its category (所属分类信息).
    pub category: CategoryView,
    /// Its cover image (服务封面图信息).
    pub cover_image: Image,
}

impl ListedService {
    #[must_use]
    pub fn new(service: Service, form: &Form) -> Self {
        let ServiceView {
            id,
            kind,
            designated_place,
            title,
            description,
            price,
            score,
            sales_volume,
            create_time,
            publisher,
            category,
            cover_image,
            ..
        } = ServiceView::new(service, form);
        Self {
            id,
            kind,
            designated_place,
            title,
            description,
            price,
            score,
            sales_volume,
            create_time,
            publisher,
            category,
            cover_image,
        }
    }
}

/// A service (服务), and its snapshot in an order (下单时的服务快照信息).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ServiceView {
    /// Service id (服务 id).
    pub id: i64,
    /// Type (服务所属类型): 1 offered (在提供), 2 wanted (正在找).
    #[serde(rename = "type")]
    pub kind: i64,
    /// Whether the consumer says where (是否要求预约人指定服务地点): 1 yes (是), 0 no (否).
    pub designated_place: i64,
    /// Title (服务标题).
    pub title: String,
    /// Description (服务详情描述).
    pub description: String,
    /// Price in yuan, two decimals (服务价格).
    pub price: String,
    /// First day (服务有效期开始时间), `YYYY-MM-DD`.
    pub begin_date: String,
    /// Last day, which counts (服务有效期结束时间), `YYYY-MM-DD`.
    pub end_date: String,
    /// Mean of the ratings (服务的历史平均评分), such as `4.5`, `5`, or `0` for none.
    pub score: String,
    /// Confirmed orders (历史销量).
    pub sales_volume: i64,
    /// Status (服务状态): 0 pending (待审核), 1 unpublished (待发布), 2 published (已发布), 3 taken down (已下架),
    /// 4 cancelled (已取消), 5 refused (审核不通过).
    pub status: i64,
    /// Ours, to its publisher and staff: why it was refused or taken down (审核意见).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse_reason: Option<String>,
    /// When it was created (服务创建时间).
    pub create_time: String,
    /// Who publishes it (服务发布者个人信息).
    pub publisher: Person,
    /// Its category (所属分类信息).
    pub category: CategoryView,
    /// Its cover image (服务封面图信息).
    pub cover_image: Image,
}

impl ServiceView {
    /// As everybody sees it.
    #[must_use]
    pub fn new(service: Service, form: &Form) -> Self {
        let path = form.picture(&service.cover_path);
        let view = Self::with_picture(service, path, form);
        Self { publisher: form.person(view.publisher), ..view }
    }

    /// As its publisher and staff see it.
    #[must_use]
    pub fn of_own(service: Service, form: &Form) -> Self {
        let refuse_reason = (!service.refusal.is_empty()).then(|| service.refusal.clone());
        Self { refuse_reason, ..Self::new(service, form) }
    }

    /// What an order keeps: the picture's path below our storage, for the server may move.
    #[must_use]
    pub fn snapshot(service: Service, form: &Form) -> Self {
        let path = service.cover_path.clone();
        Self::with_picture(service, path, form)
    }

    fn with_picture(service: Service, path: String, form: &Form) -> Self {
        let category = category_of(service.category_id);
        Self {
            id: service.id,
            kind: service.kind,
            designated_place: service.designated_place,
            title: service.title,
            description: service.description,
            price: service.price.to_string(),
            begin_date: service.begin_date,
            end_date: service.end_date,
            score: score_text(service.score),
            sales_volume: service.sales_volume,
            status: service.status.number(),
            refuse_reason: None,
            create_time: form.time(service.created_at),
            publisher: service.publisher,
            category: CategoryView {
                id: service.category_id,
                name: category.map(|category| category.name.to_owned()).unwrap_or_default(),
            },
            cover_image: Image { id: service.cover_image_id, path },
        }
    }
}

/// An order (预约订单).
#[derive(Serialize, ToSchema)]
pub struct OrderView {
    /// Order id (订单 id).
    pub id: i64,
    /// Order number (订单号): the day and a serial number.
    pub order_no: i64,
    /// Amount in yuan, two decimals (订单金额，保留两位小数).
    pub price: Fen,
    /// The service as it stood when ordered (下单时的服务快照信息).
    pub service_snap: ServiceView,
    /// What `wx.chooseAddress()` gave (下单时提交的地址信息), null without one.
    #[schema(value_type = Option<HashMap<String, Value>>)]
    pub address_snap: Option<Box<serde_json::value::RawValue>>,
    /// Status (订单状态): 0 unapproved (待同意), 1 unpaid (待支付), 2 unconfirmed (待确认), 3 unrated (待评价), 4 completed
    /// (已完成), 5 cancelled (已取消), 6 rejected (已拒绝).
    pub status: i64,
    /// When it was created (订单创建时间).
    pub create_time: String,
    /// Who publishes the service (服务发布者个人信息).
    pub publisher: Person,
    /// Who ordered it (服务消费者个人信息).
    pub consumer: Person,
}

impl OrderView {
    /// `None` when what is stored cannot be read, which is a bug.
    #[must_use]
    pub fn new(found: OrderWithParties, form: &Form) -> Option<Self> {
        let OrderWithParties { order, publisher, consumer } = found;
        let mut service_snap: ServiceView = serde_json::from_str(&order.service_snap).ok()?;
        service_snap.cover_image.path = form.picture(&service_snap.cover_image.path);
        service_snap.publisher = form.person(service_snap.publisher);
        let address = order.address_snap.map(serde_json::value::RawValue::from_string);
        Some(Self {
            id: order.id,
            order_no: order.order_no,
            price: order.price,
            service_snap,
            address_snap: address.transpose().ok()?,
            status: order.status.number(),
            create_time: form.time(order.created_at),
            publisher: form.person(publisher),
            consumer: form.person(consumer),
        })
    }
}

/// What was done (更新成功标识).
#[derive(Serialize, ToSchema)]
pub struct Success {
    /// Always true: what fails has an error (更新成功标识).
    pub result: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_last_page() {
        let last = |total, size| Paged::<()>::new(Page { number: 1, size }, total, vec![]).last_page;
        assert_eq!((last(0, 10), last(1, 10), last(10, 10), last(11, 10)), (1, 1, 1, 2));
    }
}
