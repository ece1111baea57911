//! Short words for what most stories about home services do.

use axum::http::StatusCode;
use serde_json::{Value, json};
use yuyue::staff::Role;

use super::TestApp;
use super::wire::Answer;

impl Answer {
    /// Homemaking: the data of a success, 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        self.succeeded(StatusCode::OK)
    }

    /// Homemaking: the data of what was made, 201.
    #[track_caller]
    pub fn made(&self) -> Value {
        self.succeeded(StatusCode::CREATED)
    }

    #[track_caller]
    fn succeeded(&self, status: StatusCode) -> Value {
        let mut body = self.json();
        assert_eq!((self.status, &body["error_code"]), (status, &json!(0)), "{self:?}");
        assert_eq!(body["message"], "ok", "{self:?}");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{self:?}");
        body["data"].take()
    }

    /// Homemaking: status and error_code of a refusal, whose body has the document's three fields.
    #[track_caller]
    pub fn failure(&self) -> (u16, i64) {
        let body = self.json();
        assert!(!self.status.is_success(), "{self:?}");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{self:?}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert!(body["request"].as_str().is_some_and(|line| line.contains("  /")), "{self:?}");
        (self.status.as_u16(), body["error_code"].as_i64().unwrap())
    }

    /// Homemaking: what a refusal says.
    #[track_caller]
    pub fn says(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

/// The path of an endpoint of the document's.
fn at(path: &str) -> String {
    format!("/homemaking/v1/{path}")
}

impl TestApp {
    pub async fn home_get(&self, path: &str) -> Answer {
        self.get(&at(path)).await
    }

    pub async fn home_post(&self, path: &str, body: Value) -> Answer {
        self.post(&at(path), body).await
    }

    pub async fn home_put(&self, path: &str, body: Value) -> Answer {
        self.put(&at(path), body).await
    }

    /// Issues the pair (`demo-N`, 1000 + N) as staff do, unless it is issued.
    pub async fn enrolled(&self, n: i64) {
        let pair = json!({ "i_code": format!("demo-{n}"), "order_no": 1000 + n });
        let issued = self.staff(Role::Admin).await.post("/admin/v1/enrolments", pair).await;
        assert!([201, 409].contains(&issued.status.as_u16()), "{issued:?}");
    }

    /// The user of the pair N: this caller with a token.
    pub async fn user(&self, n: i64) -> Self {
        self.enrolled(n).await;
        let pair = json!({ "i_code": format!("demo-{n}"), "order_no": 1000 + n });
        let token = self.home_post("token", pair).await.ok();
        self.with("token", token["token"].as_str().unwrap())
    }

    /// Id of a new picture.
    pub async fn picture(&self) -> i64 {
        let (name, at) = (self.ids.token(), self.clock.now().at);
        self.execute(&format!(
            "INSERT INTO home_file (path, media_type, bytes, width, height, sha256, created_at)
             VALUES ('20211001/{name}.jpg', 'image/jpeg', 1, 1, 1, '{name}', {at})"
        ))
        .await;
        // Ids of uploads are random, so the newest is not the highest.
        self.number(&format!("SELECT id AS value FROM home_file WHERE path = '20211001/{name}.jpg'")).await
    }

    /// The document's service, from yesterday to the end of the week, with a new picture.
    pub async fn draft(&self) -> Value {
        json!({
            "type": 1, "title": "节假日宠物寄养", "category_id": 5, "cover_image_id": self.picture().await,
            "designated_place": 1, "description": "五一劳动节三天假期宠物寄养服务，代溜（一天之少一次），代喂食，狗粮需自备。",
            "begin_date": "2021-09-30", "end_date": "2021-10-07", "price": "300.00",
        })
    }

    /// As [`TestApp::draft`], with some fields changed.
    pub async fn draft_with(&self, changes: &Value) -> Value {
        let mut draft = self.draft().await;
        for (name, value) in changes.as_object().unwrap() {
            draft[name] = value.clone();
        }
        draft
    }

    /// Creates a service as this user and gives its id.
    pub async fn service(&self, draft: Value) -> i64 {
        self.home_post("service", draft).await.made()["service_id"].as_i64().unwrap()
    }

    /// As staff: `approve`, `refuse` or `take_down`.
    pub async fn review(&self, service: i64, decision: &str) -> Answer {
        let body = json!({ "decision": decision, "reason": "照片不清楚" });
        self.staff(Role::Admin).await.post(&format!("/admin/v1/services/{service}/review"), body).await
    }

    pub async fn act_on_service(&self, id: i64, action: i64) -> Answer {
        self.home_post(&format!("service/{id}"), json!({ "action": action })).await
    }

    /// Creates a service as this user, has it approved, publishes it.
    pub async fn published(&self, changes: &Value) -> i64 {
        let id = self.service(self.draft_with(changes).await).await;
        self.review(id, "approve").await.expect(200);
        self.act_on_service(id, 1).await.ok();
        id
    }

    /// Orders a service as this user.
    pub async fn order(&self, service: i64) -> Answer {
        self.home_post("order", json!({ "service_id": service, "address": address() })).await
    }

    /// Orders a service as this user and gives the order's id.
    pub async fn ordered(&self, service: i64) -> i64 {
        self.order(service).await.made()["order_id"].as_i64().unwrap()
    }

    pub async fn act_on_order(&self, id: i64, action: i64) -> Answer {
        self.home_post(&format!("order/{id}"), json!({ "action": action })).await
    }

    pub async fn order_status(&self, id: i64) -> i64 {
        self.number(&format!("SELECT status AS value FROM service_order WHERE id = {id}")).await
    }
}

/// What `wx.chooseAddress()` gives.
pub fn address() -> Value {
    json!({
        "errMsg": "chooseAddress:ok", "cityName": "广州市", "userName": "张三", "telNumber": "020-81167888",
        "countyName": "海珠区", "detailInfo": "新港中路397号", "postalCode": "510000", "nationalCode": "510000",
        "provinceName": "广东省",
    })
}

impl TestApp {
    /// Orders as the consumer, agrees as the publisher, pays; gives the order's id.
    pub async fn paid(&self, publisher: &Self, consumer: &Self, service: i64) -> i64 {
        let order = consumer.ordered(service).await;
        publisher.act_on_order(order, 1).await.ok();
        consumer.act_on_order(order, 3).await.ok();
        order
    }
}

/// Two users and an order that is paid, with a stranger.
pub struct Deal {
    pub publisher: TestApp,
    pub consumer: TestApp,
    pub stranger: TestApp,
    pub service: i64,
    pub order: i64,
}

impl TestApp {
    /// A published service of user 1 that user 2 has ordered and paid for through the gateway.
    pub async fn deal(&self) -> Deal {
        let (publisher, consumer, stranger) = (self.user(1).await, self.user(2).await, self.user(3).await);
        let service = publisher.published(&json!({})).await;
        let order = self.bought(&publisher, &consumer, service).await;
        Deal { publisher, consumer, stranger, service, order }
    }

    /// Orders, agrees and pays through the gateway; gives the order's id.
    pub async fn bought(&self, publisher: &Self, consumer: &Self, service: i64) -> i64 {
        let order = consumer.ordered(service).await;
        publisher.act_on_order(order, 1).await.ok();
        consumer.act_on_order(order, 3).await.ok();
        assert_eq!(self.order_status(order).await, 2);
        order
    }

    /// Asks for an order's money back as this user.
    pub async fn ask_refund(&self, order: i64) -> Answer {
        self.home_post("refund", json!({ "order_id": order, "reason": "就是想退款，很不爽。" })).await
    }

    /// As [`TestApp::ask_refund`]; gives the refund's id.
    pub async fn asked(&self, order: i64) -> i64 {
        self.ask_refund(order).await.made()["id"].as_i64().unwrap()
    }

    pub async fn act_on_refund(&self, id: i64, action: i64) -> Answer {
        self.home_post(&format!("refund/{id}"), json!({ "action": action })).await
    }

    pub async fn refund_status(&self, id: i64) -> i64 {
        self.number(&format!("SELECT status AS value FROM refund WHERE id = {id}")).await
    }

    pub async fn appeal(&self, refund: i64) -> Answer {
        self.home_post(&format!("refund/{refund}/appeal"), json!({ "reason": "服务没有做" })).await
    }

    /// Decides on an appeal as staff: `agree` or `reject`.
    pub async fn decide(&self, refund: i64, decision: &str) -> Answer {
        let body = json!({ "decision": decision, "reason": "看过聊天记录" });
        self.staff(Role::Admin).await.post(&format!("/admin/v1/refunds/{refund}/decision"), body).await
    }

    /// Rates an order as this user.
    pub async fn rate(&self, order: i64, score: i64) -> Answer {
        let body =
            json!({ "order_id": order, "score": score, "content": "非常好，家里狗子甚至都不想回家了。" });
        self.home_post("rating", body).await
    }

    /// Shows or hides a rating as staff.
    pub async fn review_rating(&self, id: i64, decision: &str) -> Answer {
        let body = json!({ "decision": decision, "reason": "广告" });
        self.staff(Role::Admin).await.post(&format!("/admin/v1/ratings/{id}/review"), body).await
    }
}
