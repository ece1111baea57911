//! The OpenAPI document: complete, described, and the same as the committed one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::TestApp;

both!(the_server_shows_this_document);

/// Says what it is by its name alone.
const SELF_EVIDENT: [&str; 7] = ["id", "name", "nickname", "data", "items", "page", "size"];

fn document() -> Value {
    serde_json::to_value(yuyue::http::openapi::api()).unwrap()
}

/// `BLESS=1 cargo test openapi` writes the file anew; the diff then shows what clients will meet.
#[test]
fn the_document_is_the_committed_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let document = yuyue::http::openapi::api().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, &document).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    let first = document.lines().zip(committed.lines()).position(|(one, other)| one != other);
    assert!(
        document == committed,
        "server/openapi.json differs at line {first:?}: look at it, then make bless"
    );
}

async fn the_server_shows_this_document(app: TestApp) {
    let shown = app.get("/openapi.json").await.expect(200);
    assert_eq!(shown.json(), document());
}

/// The schemas that an operation reaches, by name.
fn reach(value: &Value, document: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str)
                && let Some(name) = name.strip_prefix("#/components/schemas/")
                && names.insert(name.to_owned())
            {
                reach(&document["components"]["schemas"][name], document, names);
            }
            fields.values().for_each(|value| reach(value, document, names));
        }
        Value::Array(items) => items.iter().for_each(|item| reach(item, document, names)),
        _ => {}
    }
}

/// Whether there is a description here or in one of the alternatives.
fn is_described(property: &Value) -> bool {
    let here = property["description"].as_str().is_some_and(|text| !text.trim().is_empty());
    let alternatives = ["oneOf", "allOf", "anyOf"].into_iter().filter_map(|kind| property[kind].as_array());
    here || alternatives.flatten().any(is_described)
}

fn undescribed(place: &str, schema: &Value, found: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        let is_wrapper = property["properties"].is_object()
            || property["items"].is_object()
            || property["$ref"].is_string();
        if !is_described(property) && !is_wrapper && !SELF_EVIDENT.contains(&name.as_str()) {
            found.push(place.clone());
        }
        undescribed(&place, property, found);
        undescribed(&place, &property["items"], found);
    }
}

#[test]
fn every_field_of_a_document_is_described() {
    let document = document();
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{place} says not what it does");
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            if tag == "slots" || tag == "members" {
                reach(operation, &document, &mut names);
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if !is_described(parameter) {
                        found.push(format!("{place} {}", parameter["name"]));
                    }
                }
            }
        }
    }
    for name in names {
        undescribed(&name, &document["components"]["schemas"][&name], &mut found);
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn operations_are_told_apart_and_say_how_they_fail() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(!id.is_empty() && ids.insert(id.to_owned()), "{method} {path}: {id} is taken");
            assert!(operation["responses"]["default"].is_object(), "{method} {path} never fails?");
        }
    }
}
