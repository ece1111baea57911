//! The OpenAPI document: complete, described, and the same as the committed one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{TestApp, source};

both!(the_server_shows_this_document);

/// What each reply or error is wrapped in is described once, for all products; utoipa drops what is
/// said of `data` where it puts the data's schema in its place.
const ENVELOPES: [&str; 6] =
    ["SlotsReply_", "SlotsError.", "MembersError.", "HomemakingReply_", "HomemakingError.", "Problem."];

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

/// Whether a description says enough.
type Suffices = fn(&str) -> bool;

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "allOf", "anyOf"].into_iter().filter_map(|kind| schema[kind].as_array()).flatten()
}

/// What is said of a property where it stands (for a reference beside it; not what the other schema
/// says of itself) or in one of its alternatives, which is where an optional one has it.
fn description(property: &Value) -> String {
    let here = property["description"].as_str().unwrap_or_default().to_owned();
    here + &alternatives(property).map(description).collect::<String>()
}

/// The fields of `schema` and of what stands inside it that are not described enough.
fn undescribed(place: &str, schema: &Value, suffices: Suffices, found: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        let is_of_envelope =
            place.matches('.').count() == 1 && ENVELOPES.iter().any(|envelope| place.starts_with(envelope));
        if !is_of_envelope && !suffices(&description(property)) {
            found.push(place.clone());
        }
        undescribed(&place, property, suffices, found);
    }
    for inside in schema.get("items").into_iter().chain(alternatives(schema)) {
        undescribed(place, inside, suffices, found);
    }
}

fn is_said(text: &str) -> bool {
    !text.trim().is_empty()
}

fn has_chinese(text: &str) -> bool {
    text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

/// The fields of all schemas that operations of these tags reach, as far as not described enough.
fn undescribed_of(tags: &[&str], suffices: Suffices) -> Vec<String> {
    let document = document();
    let (mut names, mut found) = (BTreeSet::new(), Vec::new());
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            if tags.contains(&operation["tags"][0].as_str().unwrap_or_default()) {
                reach(operation, &document, &mut names);
            }
        }
    }
    for name in names {
        undescribed(&name, &document["components"]["schemas"][&name], suffices, &mut found);
    }
    found
}

#[test]
fn every_field_is_described() {
    assert_eq!(undescribed_of(&["slots", "members", "homemaking", "staff"], is_said), [""; 0]);
}

#[test]
fn every_field_of_a_document_has_its_chinese_term() {
    assert_eq!(undescribed_of(&["slots", "members", "homemaking"], has_chinese), [""; 0]);
}

#[test]
fn a_field_without_a_description_would_be_found() {
    let schema = serde_json::json!({ "properties": {
        "plain": { "type": "string" },
        "reference": { "$ref": "#/components/schemas/Day" },
        "described": { "$ref": "#/components/schemas/Day", "description": "Day (日期)." },
        "optional": { "oneOf": [{ "$ref": "#/components/schemas/Day", "description": "Day." }, { "type": "null" }] },
        "list": { "description": "天", "items": { "properties": { "inner": { "type": "string" } } } },
        "both": { "description": "天", "allOf": [{ "properties": { "part": { "type": "string" } } }] },
    }});
    let found = |suffices| {
        let mut found = Vec::new();
        undescribed("S", &schema, suffices, &mut found);
        found
    };
    assert_eq!(found(is_said), ["S.both.part", "S.list.inner", "S.plain", "S.reference"]);
    assert_eq!(found(has_chinese), ["S.both.part", "S.list.inner", "S.optional", "S.plain", "S.reference"]);
}

#[test]
fn every_operation_and_parameter_is_described() {
    let document = document();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{place} says not what it does");
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            if ["slots", "members", "homemaking"].contains(&tag) {
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if !is_said(&description(parameter)) {
                        found.push(format!("{place} {}", parameter["name"]));
                    }
                }
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

/// Every operation, with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, it)| (format!("{method} {path}"), it))
    })
}

#[test]
fn operations_are_told_apart_and_say_how_they_end() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (place, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        let is_name = id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        assert!(is_name, "{place}: {id} is no name");
        assert!(ids.insert(id), "{place}: {id} is taken");
        assert!(operation["responses"]["default"].is_object(), "{place} never fails?");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                is_said(response["description"].as_str().unwrap_or_default()),
                "{place}: {status} means?"
            );
        }
    }
    for id in
        ["slots_make_appointment", "visitors_bind_employee", "homemaking_order_act", "staff_list_api_keys"]
    {
        assert!(ids.contains(id), "{id}");
    }
}

#[test]
fn an_alias_is_what_it_stands_for_and_deprecated() {
    let document = document();
    for (alias, of) in yuyue::http::router::ALIASES {
        let (alias, of) = (&document["paths"][alias]["post"], &document["paths"][of]["post"]);
        let with_its_own = |mut of: Value| {
            of["operationId"] = alias["operationId"].clone();
            of["deprecated"] = true.into();
            of
        };
        assert_eq!(*alias, with_its_own(of.clone()));
    }
}

/// Whether the document lets an operation be called without any credential.
fn asks_nobody(operation: &Value) -> bool {
    let security = operation["security"].as_array().expect("every operation says who may call it");
    security.is_empty() || security.iter().any(|one| one.as_object().unwrap().is_empty())
}

both!(the_document_says_who_is_asked_who_they_are);

/// Calls every operation without a credential. What else is asked for does not matter: callers are
/// judged first.
async fn the_document_says_who_is_asked_who_they_are(app: TestApp) {
    let document = document();
    for (place, operation) in operations(&document) {
        let (method, path) = place.split_once(' ').unwrap();
        let path = path.replace("{id}", "1").replace(['{', '}'], "");
        let method = method.to_uppercase().parse().unwrap();
        let answer = app.send(method, &path, "{}").await;
        assert_eq!(answer.status != 401, asks_nobody(operation), "{place}: {answer:?}");
    }
}

both!(enforced: what_asks_nobody_never_does);

async fn what_asks_nobody_never_does(app: TestApp) {
    let document = document();
    for (place, operation) in operations(&document) {
        let (method, path) = place.split_once(' ').unwrap();
        let path = path.replace("{id}", "1").replace(['{', '}'], "");
        if operation["security"] == serde_json::json!([]) {
            let answer = app.send(method.to_uppercase().parse().unwrap(), &path, "{}").await;
            assert_ne!(answer.status, 401, "{place}: {answer:?}");
        }
    }
}

/// Their clients read the body: a 200 is either a success or an error, and never both.
#[test]
fn a_200_of_slots_and_visitors_may_be_an_error() {
    let document = document();
    for (place, operation) in operations(&document) {
        let failure = match operation["tags"][0].as_str().unwrap() {
            "slots" => "#/components/schemas/SlotsError",
            "visitors" => "#/components/schemas/VisitorsError",
            _ => continue,
        };
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if !schema.is_null() {
            let either = schema["oneOf"].as_array().unwrap_or_else(|| panic!("{place}"));
            assert_eq!((either.len(), &either[1]["$ref"]), (2, &failure.into()), "{place}");
        }
    }
    let data =
        &document["components"]["schemas"]["VisitorsReply_OrNothing_EmployeeView"]["properties"]["data"];
    assert_eq!(data["oneOf"][0]["$ref"], "#/components/schemas/EmployeeView");
    assert_eq!(data["oneOf"][1]["$ref"], "#/components/schemas/Nothing");
    assert_eq!(document["components"]["schemas"]["Nothing"]["maxProperties"], 0);
}

/// Whatever bounds an integer or a text from outside.
const LIMITS: [&str; 6] = ["minimum", "maximum", "maxLength", "enum", "pattern", "format"];

#[test]
fn parameters_say_their_limits() {
    let document = document();
    let mut found = Vec::new();
    for (place, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            // An int64 alone says nothing of which numbers are taken; the name of a picture is a secret.
            let limited = LIMITS.iter().any(|limit| schema.get(*limit).is_some_and(|said| said != "int64"));
            let takes_two_forms = schema["type"].is_array();
            if !limited && !takes_two_forms && parameter["in"] != "path" {
                found.push(format!("{place} {} {schema}", parameter["name"]));
            }
        }
    }
    assert_eq!(found, [""; 0]);
    let parameter = |path: &str, name: &str| {
        let all = document["paths"][path]["get"]["parameters"].as_array().unwrap().clone();
        all.into_iter().find(|parameter| parameter["name"] == name).unwrap()["schema"].clone()
    };
    assert_eq!(parameter("/homemaking/v1/order/my", "role")["maximum"], 2);
    assert_eq!(parameter("/v1/subject/binding", "weixinUserId")["maxLength"], 128);
    assert_eq!(parameter("/v1/visit/records", "phone")["maxLength"], 64);
    assert_eq!(parameter("/admin/v1/appointments/{id}", "id")["minimum"], 1);
}

#[test]
fn pictures_are_bytes() {
    let document = document();
    let mut pictures = BTreeSet::new();
    for (_, operation) in operations(&document) {
        for response in operation["responses"].as_object().unwrap().values() {
            for (media, content) in response["content"].as_object().into_iter().flatten() {
                if media.starts_with("image/") {
                    assert_eq!(content["schema"]["format"], "binary");
                    pictures.insert(media.clone());
                }
            }
        }
    }
    assert_eq!(
        pictures.into_iter().collect::<Vec<_>>(),
        ["image/gif", "image/jpeg", "image/png", "image/webp"]
    );
    let form = &document["components"]["schemas"]["UploadForm"];
    assert_eq!(form["additionalProperties"]["format"], "binary");
}

#[test]
fn a_request_says_the_id_as_it_is_spelt_right_and_flags_as_they_may_be_sent() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for request in ["CancelRequest", "SignInRequest"] {
        assert!(schemas[request]["properties"]["appintment_id"].is_null());
        assert!(schemas[request]["required"].as_array().unwrap().contains(&"appointment_id".into()));
    }
    assert_eq!(schemas["IntIn_0_1"]["type"], serde_json::json!(["integer", "boolean"]));
}

/// The names of what derives `ToSchema`.
fn schema_names(code: &str) -> impl Iterator<Item = &str> {
    code.split("ToSchema)]").skip(1).filter_map(|after| {
        let (_, name) =
            after.lines().find_map(|line| line.split_once("struct ").or(line.split_once("enum ")))?;
        name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
    })
}

/// Of two that share a name utoipa describes one, for both, and says nothing.
#[test]
fn no_two_schemas_share_a_name() {
    let mut names = BTreeSet::new();
    let sources = source::server();
    let twice: Vec<&str> = sources
        .iter()
        .flat_map(|source| schema_names(&source.code))
        .filter(|name| !names.insert(*name))
        .collect();
    assert!(names.contains("VisitSignedIn") && names.contains("SignedIn"));
    assert_eq!(twice, [""; 0]);
}
