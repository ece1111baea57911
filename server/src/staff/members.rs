//! Members, their points and tests, and the brands and shops they are tested at.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::clock::{local, text};
use crate::error::Error;
use crate::http::access::{Admin, Auditor, BaseUrl};
use crate::http::envelope::Reply;
use crate::http::extract::{Input, PathId, Query};
use crate::http::fields::{ClearableLine, Flag, Id, IntIn, Line, Name, optional};
use crate::http::idempotency;
use crate::http::page::{Items, Page, PageQuery};
use crate::members::{self, Brand, PointChange, PointEntry, PointEvent, Profile, Shop, grant_points};
use crate::phone;
use crate::staff::audit;

type Outcome = Result<Reply, Error>;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MembersQuery {
    /// This mobile number (手机号), however it is written.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    mobile: Option<Line<64>>,
    /// Any part of the nickname (昵称).
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    nickname: Option<Line<64>>,
}

/// A member (会员).
#[derive(Serialize, ToSchema)]
pub struct MemberItem {
    #[serde(flatten)]
    profile: Profile,
    /// When the account was made (注册时间), `YYYY-MM-DD HH:MM:SS`
    created_at: String,
}

/// The members, the newest first.
#[utoipa::path(get, path = "/admin/v1/members", tag = "staff", security(("staff" = [])),
    params(MembersQuery, PageQuery), responses((status = 200, body = Items<MemberItem>)))]
pub async fn list_members(
    State(app): State<App>,
    _: Auditor,
    base: BaseUrl,
    Query(query): Query<MembersQuery>,
    Query(page): Query<PageQuery>,
) -> Outcome {
    let page = Page::from(page);
    let (mobile, nickname) =
        (query.mobile.map(|mobile| phone::key(&mobile)), query.nickname.map(String::from));
    let found = app.db.read("staff.members", move |tx| {
        Ok::<_, Error>(members::accounts(tx, mobile.as_deref(), nickname.as_deref(), page)?)
    });
    let (total, found) = found.await?;
    let item = |account: members::Account| MemberItem {
        created_at: text(local(app.clock.zone(), account.created_at)),
        profile: Profile::new(account, &base.0),
    };
    Reply::ok(&Items::new(page, total, found.into_iter().map(item).collect()))
}

fn no_member() -> Error {
    Error::not_found("没有这个会员", "there is no such member")
}

#[derive(Deserialize, ToSchema)]
pub struct PointsRequest {
    /// Event type (事件类型).
    event_type: PointEvent,
    /// Above 0: given, below 0: taken (积分变更).
    point: IntIn<-1_000_000, 1_000_000>,
    /// Why (变更原因).
    reason: Line<200>,
    /// What caused it (事件ID); 0 if not given.
    #[serde(default, deserialize_with = "optional")]
    event_id: Option<IntIn<0, { i64::MAX }>>,
}

/// Give a member points or take them (积分变更).
#[utoipa::path(post, path = "/admin/v1/members/{id}/points", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), request_body = PointsRequest, responses((status = 201, body = PointChange)))]
pub async fn give_points(
    State(app): State<App>,
    Admin(staff): Admin,
    PathId(id): PathId,
    input: Input<PointsRequest>,
) -> Outcome {
    let request = input.value;
    if request.point.0 == 0 {
        return Err(Error::invalid("point", "不能为 0", "must not be 0"));
    }
    let now = app.clock.now();
    let at = now.at;
    let once = (input.once, staff.name(), &now);
    idempotency::write(&app, "staff.grant_points", once, StatusCode::CREATED, move |tx| {
        members::lock_account(tx, id)?;
        let member = members::account_by_id(tx, id)?.ok_or_else(no_member)?;
        let entry = PointEntry {
            id: 0,
            account_id: id,
            event_type: request.event_type.as_str().into(),
            event_id: request.event_id.map_or(0, |event| event.0),
            point: request.point.0,
            reason: request.reason.to_string(),
            created_at: at,
        };
        let event = (request.event_type, entry.event_id);
        let entry = PointEntry { id: grant_points(tx, id, event, entry.point, &entry.reason, at)?, ..entry };
        let before = json!({ "point": member.point });
        let after = json!({ "point": member.point + entry.point, "event_type": request.event_type,
                            "change": entry.point, "reason": entry.reason });
        audit::record(tx, &staff, "member.points", &format!("member {id}"), &before, &after, at)?;
        Ok(PointChange::from(entry))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
pub struct TestRequest {
    /// Where the test was completed (门店).
    shop_id: Id,
}

/// A completed test (测试).
#[derive(Serialize, ToSchema)]
pub struct TestItem {
    /// Id of the test.
    id: i64,
    /// The member (用户ID).
    user_id: i64,
    /// Where it was completed (门店).
    shop: Shop,
    /// When it was recorded, `YYYY-MM-DD HH:MM:SS`
    created_at: String,
}

/// Record that a member completed a test at a shop.
#[utoipa::path(post, path = "/admin/v1/members/{id}/tests", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), request_body = TestRequest, responses((status = 201, body = TestItem)))]
pub async fn add_test(
    State(app): State<App>,
    Admin(staff): Admin,
    PathId(id): PathId,
    input: Input<TestRequest>,
) -> Outcome {
    let (shop_id, now) = (input.value.shop_id.0, app.clock.now());
    let (at, zone) = (now.at, now.zone().clone());
    let once = (input.once, staff.name(), &now);
    idempotency::write(&app, "staff.add_test", once, StatusCode::CREATED, move |tx| {
        members::lock_account(tx, id)?;
        let member = members::account_by_id(tx, id)?.ok_or_else(no_member)?;
        let shop = members::shop_by_id(tx, shop_id)?
            .ok_or_else(|| Error::invalid("shop_id", "没有这个门店", "is not the id of a shop"))?;
        let test_id = members::insert_test(tx, id, shop_id, at)?;
        let before = json!({ "is_testing": i64::from(member.is_tested) });
        let after = json!({ "is_testing": 1, "test_id": test_id, "shop_id": shop_id });
        audit::record(tx, &staff, "member.test", &format!("member {id}"), &before, &after, at)?;
        Ok(TestItem { id: test_id, user_id: id, shop: shop.into(), created_at: text(local(&zone, at)) })
    })
    .await
}

/// The brands (品牌), the newest first.
#[utoipa::path(get, path = "/admin/v1/brands", tag = "staff", security(("staff" = [])), params(PageQuery),
    responses((status = 200, body = Items<Brand>)))]
pub async fn list_brands(State(app): State<App>, _: Auditor, Query(page): Query<PageQuery>) -> Outcome {
    let page = Page::from(page);
    let list = app.db.read("staff.brands", move |tx| Ok::<_, Error>(members::brands(tx, page)?));
    let (total, list) = list.await?;
    Reply::ok(&Items::new(page, total, list.into_iter().map(Brand::from).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct BrandRequest {
    /// Brand name (品牌名称).
    name: Name,
    /// Founder (创建者名称); "" if not given.
    #[serde(default, deserialize_with = "optional")]
    founder_name: Option<Name>,
}

/// Add a brand (品牌).
#[utoipa::path(post, path = "/admin/v1/brands", tag = "staff", security(("staff" = [])),
    request_body = BrandRequest, responses((status = 201, body = Brand)))]
pub async fn add_brand(State(app): State<App>, Admin(staff): Admin, input: Input<BrandRequest>) -> Outcome {
    let (request, now) = (input.value, app.clock.now());
    let at = now.at;
    let once = (input.once, staff.name(), &now);
    idempotency::write(&app, "staff.add_brand", once, StatusCode::CREATED, move |tx| {
        let (name, founder_name) =
            (request.name.to_string(), request.founder_name.clone().map(String::from).unwrap_or_default());
        let id = members::insert_brand(tx, &name, &founder_name, at)?;
        let brand = Brand { founder_name, id, name };
        audit::record(tx, &staff, "brand.add", &format!("brand {id}"), &Value::Null, &json!(brand), at)?;
        Ok(brand)
    })
    .await
}

/// The shops (门店), the newest first.
#[utoipa::path(get, path = "/admin/v1/shops", tag = "staff", security(("staff" = [])), params(PageQuery),
    responses((status = 200, body = Items<Shop>)))]
pub async fn list_shops(State(app): State<App>, _: Auditor, Query(page): Query<PageQuery>) -> Outcome {
    let page = Page::from(page);
    let list = app.db.read("staff.shops", move |tx| Ok::<_, Error>(members::shops(tx, page)?));
    let (total, list) = list.await?;
    Reply::ok(&Items::new(page, total, list.into_iter().map(Shop::from).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct ShopRequest {
    /// Whose shop it is (品牌).
    brand_id: Id,
    /// Shop name (店名).
    name: Name,
    /// Address (具体地址); "" if not given.
    #[serde(default)]
    street: Option<ClearableLine<200>>,
    /// Telephone (联系电话); "" if not given.
    #[serde(default)]
    contact_tel: Option<ClearableLine<32>>,
    /// Whether it is an experience shop (是否体验店): 0 no (the default), 1 yes.
    #[serde(default, deserialize_with = "optional")]
    is_exp: Option<Flag>,
}

/// Add a shop (门店).
#[utoipa::path(post, path = "/admin/v1/shops", tag = "staff", security(("staff" = [])),
    request_body = ShopRequest, responses((status = 201, body = Shop)))]
pub async fn add_shop(State(app): State<App>, Admin(staff): Admin, input: Input<ShopRequest>) -> Outcome {
    let (request, now) = (input.value, app.clock.now());
    let at = now.at;
    let (brand_id, is_exp) = (request.brand_id.0, request.is_exp == Some(IntIn(1)));
    let name = String::from(request.name);
    let street = request.street.map(|line| line.0).unwrap_or_default();
    let contact_tel = request.contact_tel.map(|line| line.0).unwrap_or_default();
    let once = (input.once, staff.name(), &now);
    idempotency::write(&app, "staff.add_shop", once, StatusCode::CREATED, move |tx| {
        let brand = members::brand_by_id(tx, brand_id)?
            .ok_or_else(|| Error::invalid("brand_id", "没有这个品牌", "is not the id of a brand"))?;
        let id = members::insert_shop(tx, brand_id, (&name, &street, &contact_tel), is_exp, at)?;
        let shop = Shop {
            brand: brand.into(),
            id,
            name: name.clone(),
            street: street.clone(),
            contact_tel: contact_tel.clone(),
            is_exp: i64::from(is_exp),
        };
        audit::record(tx, &staff, "shop.add", &format!("shop {id}"), &Value::Null, &json!(shop), at)?;
        Ok(shop)
    })
    .await
}
