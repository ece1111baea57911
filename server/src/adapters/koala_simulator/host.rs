//! The host's state, and what it answers.

use std::collections::{BTreeMap, HashMap};

use axum::body::Bytes;
use axum::http::header::{COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{LoggedOut, SimulatedEmployee, SimulatedHost, SimulatedSubject};
use crate::clock::{Millis, SECOND};
use crate::ids::{Ids, fingerprint};

/// Ids of visitors start here, well above those of employees.
const FIRST_VISITOR: i64 = 100_001;

/// An answer before it is put into HTTP.
pub(super) enum Reply {
    Json(Value),
    /// The login worked: the session's cookie, and the answer.
    Welcome(String, Value),
    Picture(Bytes),
    LoginPage,
    LoggedOut(LoggedOut),
    Nothing,
}

/// A refusal, always with HTTP status 200.
struct Refusal(i64, &'static str);

const BAD_LOGIN: Refusal = Refusal(-1001, "用户名或密码错误");
const MALFORMED: Refusal = Refusal(-1000, "参数错误");
const NO_TIMES: Refusal = Refusal(-2001, "访客必须填写开始时间和结束时间");
const NOT_FOUND: Refusal = Refusal(-2002, "用户不存在");
const NO_FACE: Refusal = Refusal(-300, "没有检测到人脸");

type Subject = Map<String, Value>;

pub(super) struct Host {
    settings: SimulatedHost,
    ids: Ids,
    /// When each session began.
    sessions: HashMap<String, Millis>,
    logins: usize,
    subjects: BTreeMap<i64, Subject>,
    /// By path.
    pictures: HashMap<String, Bytes>,
    next_visitor: i64,
    photos: i64,
}

impl Host {
    pub fn new(mut settings: SimulatedHost, now: Millis) -> Self {
        let employees = std::mem::take(&mut settings.employees);
        let mut host = Self {
            settings,
            ids: Ids::default(),
            sessions: HashMap::new(),
            logins: 0,
            subjects: BTreeMap::new(),
            pictures: HashMap::new(),
            next_visitor: FIRST_VISITOR,
            photos: 0,
        };
        host.set_employees(employees, now);
        host
    }

    pub fn account(&self) -> (String, String) {
        (self.settings.username.clone(), self.settings.password.clone())
    }

    pub fn logins(&self) -> usize {
        self.logins
    }

    pub fn set_employees(&mut self, employees: Vec<SimulatedEmployee>, now: Millis) {
        self.subjects.retain(|_, subject| subject["subject_type"] != 0);
        for employee in employees {
            let mut subject = blank(employee.id, 0, now);
            subject["name"] = employee.name.into();
            subject["phone"] = employee.phone.into();
            subject["department"] = employee.department.into();
            if !employee.avatar.is_empty() {
                let name = &fingerprint(&format!("{}", employee.id))[..40];
                let path = format!("/static/upload/photo/2021-06-01/v2_{name}.jpg");
                subject["avatar"] = path.clone().into();
                self.pictures.insert(path, employee.avatar.into());
            }
            self.subjects.insert(employee.id, subject);
        }
    }

    pub fn visitors(&self) -> Vec<SimulatedSubject> {
        let visitors = self.subjects.iter().rev().filter(|(_, subject)| subject["subject_type"] != 0);
        visitors.map(|(id, subject)| simulated(*id, subject)).collect()
    }

    pub fn serve(&mut self, parts: &Parts, body: &Bytes, photo: Option<Bytes>, now: Millis) -> Reply {
        let path = parts.uri.path();
        if path == "/auth/login" {
            return match text(&parts.headers, USER_AGENT) {
                "Koala Admin" => self.log_in(body, now),
                _ => Reply::LoginPage,
            };
        }
        if let Some(picture) = self.pictures.get(path).filter(|_| parts.method == Method::GET) {
            return Reply::Picture(picture.clone());
        }
        if !self.is_logged_in(&parts.headers, now) {
            return Reply::LoggedOut(self.settings.logged_out);
        }
        let lists = if self.settings.release_3 { "/subject/list" } else { "/mobile-admin/subjects/list" };
        let id = path.strip_prefix("/subject/").and_then(|id| id.parse().ok());
        let outcome = match (&parts.method, path, id) {
            (&Method::GET, path, _) if path == lists => self.list(parts.uri.query().unwrap_or_default()),
            (&Method::GET, "/subjects/purpose", _) => Ok(purposes()),
            (&Method::POST, "/subject", _) => self.create(body, now),
            (&Method::POST, "/subject/photo", _) => self.add_photo(photo),
            (&Method::GET, _, Some(id)) => self.subjects.get(&id).map(done).ok_or(NOT_FOUND),
            (&Method::PUT, _, Some(id)) => self.change(id, body),
            (&Method::DELETE, _, Some(id)) => {
                self.subjects.remove(&id).map(|_| done(&Map::new())).ok_or(NOT_FOUND)
            }
            _ => return Reply::Nothing,
        };
        Reply::Json(outcome.unwrap_or_else(|Refusal(code, desc)| json!({"code": code, "desc": desc})))
    }

    /// Takes JSON and forms.
    fn log_in(&mut self, body: &Bytes, now: Millis) -> Reply {
        let given: HashMap<String, String> = serde_json::from_slice(body)
            .unwrap_or_else(|_| form_urlencoded::parse(body).into_owned().collect());
        let is = |name, expected: &str| given.get(name).is_some_and(|given| given == expected);
        if !is("username", &self.settings.username) || !is("password", &self.settings.password) {
            let Refusal(code, desc) = BAD_LOGIN;
            return Reply::Json(json!({"code": code, "desc": desc}));
        }
        self.logins += 1;
        let cookie = self.ids.uuid().to_string();
        self.sessions.insert(cookie.clone(), now);
        let data = json!({
            "id": 2, "username": self.settings.username, "avatar": "", "role_id": 2, "company_id": 1,
            "organization_id": null, "company": {"id": 1}, "permission": [], "verify": true,
            "password_reseted": true,
        });
        Reply::Welcome(cookie, json!({"code": 0, "data": data, "page": {}}))
    }

    fn is_logged_in(&mut self, headers: &HeaderMap, now: Millis) -> bool {
        let life = self.settings.session_life;
        self.sessions.retain(|_, began| now - *began < life);
        let cookies = text(headers, COOKIE).split(';');
        cookies
            .filter_map(|cookie| cookie.trim().strip_prefix("session="))
            .any(|session| self.sessions.contains_key(session))
    }

    /// Newest first. As with the real host, nothing filters by phone.
    fn list(&self, query: &str) -> Result<Value, Refusal> {
        let query: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let number = |name, default| match query.get(name) {
            Some(text) => text.parse::<usize>().ok().filter(|number| *number > 0).ok_or(MALFORMED),
            None => Ok(default),
        };
        let (page, size) = (number("page", 1)?, number("size", 10)?);
        let kinds: &[i64] = match query.get("category").map(String::as_str) {
            Some("employee") => &[0],
            Some("visitor") => &[1, 2],
            Some("yellowlist") => &[3],
            None => &[0, 1, 2, 3],
            Some(_) => return Err(MALFORMED),
        };
        let name = query.get("name").map(String::as_str).unwrap_or_default();
        let found: Vec<&Subject> = (self.subjects.values().rev())
            .filter(|subject| kinds.iter().any(|kind| subject["subject_type"] == *kind))
            .filter(|subject| subject["name"].as_str().is_some_and(|full| full.contains(name)))
            .collect();
        let rows: Vec<&Subject> =
            found.iter().skip((page - 1).saturating_mul(size)).take(size).copied().collect();
        let total = found.len().div_ceil(size);
        let page = json!({"count": found.len(), "current": page, "size": size, "total": total});
        Ok(json!({"code": 0, "data": rows, "page": page}))
    }

    fn create(&mut self, body: &Bytes, now: Millis) -> Result<Value, Refusal> {
        let given: Subject = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        let kind = given.get("subject_type").and_then(Value::as_i64);
        let kind = kind.filter(|kind| (0..=3).contains(kind)).ok_or(MALFORMED)?;
        let id = self.next_visitor;
        let mut subject = blank(id, kind, now);
        fill(&mut subject, given)?;
        self.next_visitor += 1;
        let said = done(&subject);
        self.subjects.insert(id, subject);
        Ok(said)
    }

    fn change(&mut self, id: i64, body: &Bytes) -> Result<Value, Refusal> {
        let given: Subject = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        if !given.get("photo_ids").is_some_and(Value::is_array) {
            return Err(MALFORMED);
        }
        let kept = self.subjects.get_mut(&id).ok_or(NOT_FOUND)?;
        // Changed on a copy: a refusal half-way must leave the subject as it was.
        let mut subject = kept.clone();
        fill(&mut subject, given)?;
        *kept = subject;
        Ok(done(kept))
    }

    fn add_photo(&mut self, photo: Option<Bytes>) -> Result<Value, Refusal> {
        let photo = photo.ok_or(MALFORMED)?;
        if !photo.starts_with(&[0xff, 0xd8, 0xff]) {
            return Err(NO_FACE);
        }
        self.photos += 1;
        let name = &fingerprint(&format!("photo {}", self.photos))[..40];
        let url = format!("/static/upload/photo/2021-06-01/v2_{name}.jpg");
        self.pictures.insert(url.clone(), photo);
        let data = json!({
            "id": self.photos, "company_id": 1, "subject_id": null, "url": url, "quality": 0.98, "version": 7,
        });
        Ok(json!({"code": 0, "data": data, "page": {}}))
    }
}

fn text(headers: &HeaderMap, name: axum::http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn done(subject: &Subject) -> Value {
    json!({"code": 0, "data": subject, "page": {}})
}

fn purposes() -> Value {
    let purposes = ["其它", "面试", "商务", "亲友", "快递送货"];
    let data: Vec<Value> = purposes.iter().enumerate().map(|(id, name)| json!([id, name])).collect();
    json!({"code": 0, "data": data, "page": {}})
}

/// A subject with every field the host shows.
fn blank(id: i64, kind: i64, now: Millis) -> Subject {
    let subject = json!({
        "id": id, "company_id": 1, "subject_type": kind, "name": "", "pinyin": "", "email": "", "phone": "",
        "gender": 0, "avatar": "", "department": "", "title": "", "description": "", "remark": "",
        "come_from": "", "job_number": "", "birthday": null, "entry_date": null, "purpose": 0,
        "interviewee": "", "interviewee_pinyin": "", "start_time": 0, "end_time": 0, "visit_notify": false,
        "password_reseted": false, "create_time": now / SECOND, "photo_ids": [], "photos": [],
        "inviter_id": null, "group_ids": [],
    });
    match subject {
        Value::Object(subject) => subject,
        _ => Subject::new(),
    }
}

/// Takes over the given fields, and checks the whole.
fn fill(subject: &mut Subject, given: Subject) -> Result<(), Refusal> {
    const FIXED: [&str; 4] = ["id", "company_id", "create_time", "photos"];
    for (name, value) in given {
        if !FIXED.contains(&name.as_str()) && subject.contains_key(&name) {
            subject[&name] = value;
        }
    }
    let is_text =
        |name: &str, most: usize| subject[name].as_str().is_some_and(|text| text.chars().count() <= most);
    let are_texts = [
        ("name", 64),
        ("phone", 20),
        ("department", 256),
        ("title", 64),
        ("description", 128),
        ("remark", 128),
        ("come_from", 128),
        ("interviewee", 20),
        ("job_number", 64),
    ]
    .iter()
    .all(|(name, most)| is_text(name, *most));
    let purpose = subject["purpose"].as_i64().is_some_and(|purpose| (0..=4).contains(&purpose));
    let groups = subject["group_ids"].as_array().is_some_and(|ids| ids.iter().all(Value::is_i64));
    if !are_texts || !purpose || !groups || subject["name"] == "" {
        return Err(MALFORMED);
    }
    if subject["subject_type"] != 0 {
        let at = |name: &str| subject[name].as_i64().filter(|at| *at > 0).ok_or(NO_TIMES);
        if at("start_time")? >= at("end_time")? {
            return Err(NO_TIMES);
        }
    }
    Ok(())
}

fn simulated(id: i64, subject: &Subject) -> SimulatedSubject {
    let text = |name: &str| subject[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| subject[name].as_i64().unwrap_or_default();
    let groups = subject["group_ids"].as_array();
    SimulatedSubject {
        id,
        subject_type: number("subject_type"),
        name: text("name"),
        phone: text("phone"),
        purpose: number("purpose"),
        interviewee: text("interviewee"),
        come_from: text("come_from"),
        remark: text("remark"),
        group_ids: groups.map(|ids| ids.iter().filter_map(Value::as_i64).collect()).unwrap_or_default(),
        start_time: number("start_time"),
        end_time: number("end_time"),
    }
}
