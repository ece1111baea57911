//! What travels between the host and us.

use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value, json};

use super::{Employee, NewVisitor};
use crate::clock::SECOND;
use crate::phone;

/// Every JSON answer. A field the host leaves out or sets to null is taken as empty: releases differ.
#[derive(Deserialize)]
pub(super) struct Envelope {
    pub code: i64,
    pub desc: Option<String>,
    #[serde(default)]
    pub data: Value,
    pub page: Option<Page>,
}

impl Envelope {
    /// Whether the host wants a log-in first: some releases say so in JSON, in one of these ways.
    pub fn asks_to_log_in(&self) -> bool {
        const WAYS: [&str; 4] = ["请先登录", "请登录", "未登录", "重新登录"];
        let desc = self.desc.as_deref().unwrap_or_default();
        self.code != 0 && WAYS.iter().any(|way| desc.contains(way))
    }
}

#[derive(Deserialize)]
pub(super) struct Page {
    /// Records in total.
    pub count: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct Subject {
    pub id: i64,
    subject_type: Option<i64>,
    #[serde(default, deserialize_with = "text_or_number")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    phone: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    department: Option<String>,
    avatar: Option<String>,
    start_time: Option<i64>,
}

/// What was typed into a spreadsheet may have come to the host as a number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Typed {
        Text(String),
        Number(Number),
    }
    let typed = Option::<Typed>::deserialize(deserializer)?;
    Ok(typed.map(|typed| match typed {
        Typed::Text(text) => text,
        Typed::Number(number) => number.to_string(),
    }))
}

/// The subjects of a list, and how many rows of it are none. One row that cannot be read must not cost the
/// others theirs.
pub(super) fn subjects(list: Value) -> Option<(Vec<Subject>, usize)> {
    let Value::Array(rows) = list else { return None };
    let (mut read, mut skipped) = (Vec::with_capacity(rows.len()), 0);
    for row in rows {
        let id = row["id"].as_i64();
        match serde_json::from_value(row) {
            Ok(subject) => read.push(subject),
            // The error may repeat a phone; the id is enough to find the row by.
            Err(_) => {
                skipped += 1;
                tracing::warn!(id, "a row of Koala's list cannot be read and is left out");
            }
        }
    }
    Some((read, skipped))
}

impl Subject {
    /// The employee, unless the host put a visitor into the list of employees.
    pub fn into_employee(self) -> Option<Employee> {
        if self.subject_type.is_some_and(|kind| kind != 0) {
            return None;
        }
        let text = |text: Option<String>| text.map(|text| text.trim().to_owned()).unwrap_or_default();
        Some(Employee {
            id: self.id,
            name: text(self.name),
            phone: text(self.phone),
            department: text(self.department),
            avatar: text(self.avatar),
        })
    }

    /// Whether this is what writing `visitor` leaves at the host.
    pub fn is(&self, visitor: &NewVisitor) -> bool {
        self.subject_type != Some(0)
            && self.name.as_deref() == Some(&clipped(&visitor.name, 64))
            && phone::key(self.phone.as_deref().unwrap_or_default()) == phone::key(&visitor.phone)
            && self.start_time == Some(visitor.start_time / SECOND)
    }
}

impl NewVisitor {
    /// The body that creates the visitor. The host refuses a text that is too long; a guest is not
    /// turned away for a long remark, so texts are cut.
    pub(super) fn to_json(&self) -> Value {
        let mut body = json!({
            "subject_type": 1,
            "name": clipped(&self.name, 64),
            "phone": clipped(&self.phone, 20),
            "purpose": self.purpose,
            "interviewee": clipped(&self.interviewee, 20),
            "come_from": clipped(&self.come_from, 128),
            "remark": clipped(&self.remark, 128),
            "start_time": self.start_time / SECOND,
            "end_time": self.end_time / SECOND,
        });
        if !self.group_ids.is_empty() {
            body["group_ids"] = json!(self.group_ids);
        }
        body
    }
}

/// The first `most` characters.
pub(super) fn clipped(text: &str, most: usize) -> String {
    text.trim().chars().take(most).collect()
}

/// The host's words with every longer number hidden, for they may repeat a phone.
pub(super) fn without_numbers(message: &str) -> String {
    let mut kept = String::new();
    let mut digits = String::new();
    for character in message.chars().take(160).chain(['\n']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        kept.push_str(if digits.len() < 5 { &digits } else { "****" });
        digits.clear();
        kept.push(if character.is_control() { ' ' } else { character });
    }
    kept.truncate(kept.trim_end().len());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_what_the_host_takes() {
        let visitor = NewVisitor {
            name: format!(" {} ", "𠮷".repeat(70)),
            interviewee: "李".repeat(21),
            start_time: 1_623_232_800_999,
            ..NewVisitor::default()
        };
        let body = visitor.to_json();
        assert_eq!(body["name"].as_str().unwrap().chars().count(), 64);
        assert_eq!(body["interviewee"].as_str().unwrap().chars().count(), 20);
        assert_eq!(body["start_time"], 1_623_232_800);
        assert!(body.get("group_ids").is_none());
    }
}
