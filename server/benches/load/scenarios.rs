//! What is asked of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::client::{Connection, MakeRequest, get, post};

/// One row of the table.
pub struct Scenario {
    pub name: &'static str,
    pub expected: &'static [u8],
    pub make: MakeRequest,
}

const SUCCESS: &[u8] = b"\"error_no\":0";
const SLOTS_A_DAY: u64 = 720;
const DAYS: usize = 14;

/// Prepared state of a server: tokens, days, accounts.
pub struct Prepared {
    staff: String,
    /// Bookable days, the first being tomorrow.
    days: Vec<String>,
    people: AtomicU64,
}

async fn call(address: &str, request: Vec<u8>) -> Value {
    let mut connection = Connection::open(address).await;
    let (status, body) = connection.send(&request).await;
    assert!(status < 300, "{status}: {}", String::from_utf8_lossy(body));
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

impl Prepared {
    /// Signs staff in and lays out 720 slots a day, each with room for every booking of the bench.
    pub async fn new(address: &str) -> Arc<Self> {
        let credentials = json!({ "username": "admin", "password": "demo-admin" });
        let session = call(address, post("/admin/v1/session", None, &credentials.to_string())).await;
        let staff = session["token"].as_str().expect("a session has a token").to_owned();
        set_schedule(address, &staff, 100_000).await;
        let days = call(address, post("/v1/available-days/list", None, "{}")).await;
        let days = days["data"]["days"].as_array().expect("days are listed");
        // Today is among them as long as it is not over.
        let later = days.len().checked_sub(DAYS).expect("as many days can be booked");
        let days: Vec<String> =
            days[later..].iter().filter_map(|day| day.as_str().map(str::to_owned)).collect();
        Arc::new(Self { staff, days, people: AtomicU64::new(0) })
    }

    fn booking(&self, slot: u64) -> Vec<u8> {
        let person = self.people.fetch_add(1, Ordering::Relaxed);
        let minute_of_day = slot % SLOTS_A_DAY;
        let body = format!(
            r#"{{"day":"{}","hour":{},"minute":{},"open_id":"bench-{person}","name":"张三","phone_num":"138{:08}"}}"#,
            self.days[(slot / SLOTS_A_DAY % DAYS as u64) as usize],
            minute_of_day / 60,
            minute_of_day % 60,
            person % 100_000_000
        );
        post("/v1/make-appointment", None, &body)
    }

    pub fn different_slots(self: &Arc<Self>) -> Scenario {
        let this = Arc::clone(self);
        let make = move |number: u64| this.booking(number.wrapping_mul(7_919) % (SLOTS_A_DAY * DAYS as u64));
        Scenario { name: "booking, different slots", expected: SUCCESS, make: Arc::new(make) }
    }

    /// Another slot for every number of connections, so that none fills up.
    pub fn hot_slot(self: &Arc<Self>, connections: usize) -> Scenario {
        let this = Arc::clone(self);
        let make = move |_| this.booking(connections as u64);
        Scenario { name: "booking, one hot slot", expected: SUCCESS, make: Arc::new(make) }
    }

    pub fn availability(self: &Arc<Self>) -> Scenario {
        let body = json!({ "day": self.days[1] }).to_string();
        let make = move |_| post("/v1/available-hours/list", None, &body);
        Scenario { name: "availability of a day (720 slots)", expected: SUCCESS, make: Arc::new(make) }
    }

    pub fn availability_of_an_hour(self: &Arc<Self>) -> Scenario {
        let body = json!({ "day": self.days[1], "hour": 9 }).to_string();
        let make = move |_| post("/v1/available-minutes/list", None, &body);
        Scenario { name: "availability of an hour (60 slots)", expected: SUCCESS, make: Arc::new(make) }
    }

    pub fn own_list(self: &Arc<Self>) -> Scenario {
        let booked = self.people.load(Ordering::Relaxed).max(1);
        let make = move |number: u64| {
            let body = format!(r#"{{"open_id":"bench-{}"}}"#, number.wrapping_mul(7_919) % booked);
            post("/v1/appointment/list", None, &body)
        };
        Scenario { name: "own list", expected: SUCCESS, make: Arc::new(make) }
    }

    /// Makes every slot hold one person and fills one of them.
    pub async fn sold_out(self: &Arc<Self>, address: &str) -> Scenario {
        set_schedule(address, &self.staff, 1).await;
        let mut connection = Connection::open(address).await;
        connection.send(&self.booking(600)).await;
        let this = Arc::clone(self);
        let make = move |_| this.booking(600);
        Scenario { name: "sold out", expected: b"\"error_no\":2001", make: Arc::new(make) }
    }

    pub async fn allow_bookings_again(&self, address: &str) {
        set_schedule(address, &self.staff, 100_000).await;
    }
}

async fn set_schedule(address: &str, staff: &str, capacity: u32) {
    let periods: Vec<_> =
        (1..=7).map(|day| json!({ "weekday": day, "from": "00:00", "to": "12:00" })).collect();
    let schedule = json!({
        "periods": periods, "slot_minutes": 1, "capacity": capacity, "days_ahead": DAYS,
        "min_notice_minutes": 0, "closed_dates": [], "extra_dates": [],
    });
    let mut request = post("/admin/v1/schedule", Some(staff), &schedule.to_string());
    request.splice(0..4, *b"PUT");
    call(address, request).await;
}

pub fn bare_route() -> Scenario {
    Scenario { name: "bare route (/healthz)", expected: b"ok", make: Arc::new(|_| get("/healthz")) }
}

/// One account a connection, registered by SMS code the way a person would.
pub async fn password_login(address: &str, accounts: u64) -> Scenario {
    for number in 0..accounts {
        let mobile = format!("139{number:08}");
        call(address, post("/v1/login/sms_code", None, &json!({ "mobile": mobile }).to_string())).await;
        let code = loop {
            let messages = call(address, get(&format!("/demo/messages?phone={mobile}"))).await;
            if let Some(code) = messages[0]["params"]["code"].as_str() {
                break code.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        let login = json!({ "grant_type": "sms_code", "mobile": mobile, "sms_code": code, "client_id": 44,
                            "password": "bench password" });
        call(address, post("/v1/login/token", None, &login.to_string())).await;
    }
    let make = move |number: u64| {
        let mobile = format!("139{:08}", number % accounts);
        let login = json!({ "grant_type": "password", "mobile": mobile, "client_id": 44, "password": "bench password" });
        post("/v1/login/token", None, &login.to_string())
    };
    Scenario { name: "login by password", expected: b"access_token", make: Arc::new(make) }
}
