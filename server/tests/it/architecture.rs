//! The direction of design: what each kind of file may know of the others.

use crate::support::source::{self, Source};

const PRODUCTS: [&str; 5] = ["members", "slots", "visitors", "homemaking", "staff"];

/// Whether `path` is `module` or lies below it.
fn is_below(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What a file is by its name: `rules`, `store`, `routes`; of a folder of files, by the folder's.
fn kind(file: &str) -> &str {
    let parts: Vec<_> = file.split('/').collect();
    let named = if product_of(file).is_some() { parts[1] } else { parts[parts.len() - 1] };
    named.strip_suffix(".rs").unwrap_or(named)
}

fn product_of(file: &str) -> Option<&'static str> {
    let folder = file.split('/').next().unwrap();
    PRODUCTS.into_iter().find(|product| *product == folder)
}

/// The submodules of a product: everything but its `mod.rs`, which is its face.
fn submodules(product: &str, sources: &[Source]) -> Vec<String> {
    let prefix = format!("{product}/");
    let inside = sources.iter().filter(|source| source.path.starts_with(&prefix));
    inside.map(|source| kind(&source.path).to_owned()).filter(|name| name != "mod").collect()
}

/// What only these may be known by a file, if its kind is limited that way.
fn allowed(file: &str) -> Option<Vec<&'static str>> {
    match (file, kind(file)) {
        ("clock.rs" | "ids.rs" | "error.rs" | "text.rs" | "locks.rs" | "migrations.rs", _) => Some(vec![]),
        ("phone.rs", _) => Some(vec!["text"]),
        ("secrets.rs", _) => Some(vec!["ids"]),
        ("config.rs", _) => Some(vec!["clock"]),
        (_, "rules" | "regions" | "states" | "codes" | "money") => Some(vec!["error", "clock", "phone"]),
        // A page is two numbers and a list; it knows nothing of HTTP.
        (_, "store") if product_of(file).is_some() => {
            Some(vec!["error", "clock", "locks", "phone", "text", "http::page"])
        }
        _ if file.starts_with("adapters/") => Some(vec!["adapters", "clock", "ids", "phone", "text"]),
        _ => None,
    }
}

/// What a file must not know, whatever else it may.
fn forbidden(file: &str) -> Vec<&'static str> {
    match kind(file) {
        "routes" => vec!["adapters"],
        "jobs" if product_of(file).is_some() => vec!["http"],
        _ => vec![],
    }
}

fn breaches(source: &Source, sources: &[Source]) -> Vec<String> {
    let Source { path: file, code } = source;
    let own = product_of(file);
    let mut breaches = Vec::new();
    for path in source::crate_paths(code) {
        let mut breach = |why: &str| breaches.push(format!("{file}: crate::{path} {why}"));
        if let Some(allowed) = allowed(file) {
            let is_allowed = allowed.iter().any(|module| is_below(&path, module));
            // A product's rules and rows know its types, but not who serves them.
            let is_own = own.is_some_and(|own| {
                is_below(&path, own)
                    && !["routes", "jobs", "socket", "store"].iter().any(|served| {
                        is_below(&path, &format!("{own}::{served}"))
                            && !file.ends_with(&format!("{served}.rs"))
                    })
            });
            if !is_allowed && !is_own {
                breach("is beyond what this file may know");
            }
        }
        if forbidden(file).iter().any(|module| is_below(&path, module)) {
            breach("is not for this file");
        }
        for other in PRODUCTS.into_iter().filter(|other| own.is_some_and(|own| own != *other)) {
            let inside = submodules(other, sources);
            if inside.iter().any(|module| is_below(&path, &format!("{other}::{module}"))) {
                breach("goes past the other product's mod.rs");
            }
        }
    }
    breaches
}

#[test]
fn nobody_knows_more_than_design_allows() {
    let sources = source::server();
    let breaches: Vec<_> = sources.iter().flat_map(|source| breaches(source, &sources)).collect();
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn a_breach_would_be_seen() {
    let breaches = |path: &str, code: &str| {
        let own = Source { path: path.into(), code: code.into() };
        let other = Source { path: "slots/store.rs".into(), code: String::new() };
        breaches(&own, &[other]).len()
    };
    assert_eq!(breaches("clock.rs", "use crate::error::Error;"), 1);
    assert_eq!(breaches("members/rules.rs", "use crate::{error::Code, app::App, clock};"), 1);
    assert_eq!(breaches("members/rules.rs", "fn f() { crate::members::store::find(); }"), 1);
    assert_eq!(breaches("members/store.rs", "use crate::http::{page::Page, envelope::Reply};"), 1);
    assert_eq!(breaches("adapters/sms.rs", "use crate::clock;\nuse crate::members;"), 1);
    assert_eq!(breaches("members/routes.rs", "use crate::slots::{self, store::list_of};"), 1);
    assert_eq!(breaches("members/routes.rs", "use crate::slots; use crate::members::store;"), 0);
}

#[test]
fn paths_are_read_from_any_form_of_use() {
    let code = "use crate::a::{self, b::{C, D as E}, f};\nfn x() { crate::g::h(crate::I) } my_crate::z";
    assert_eq!(source::crate_paths(code), ["a", "a::b::C", "a::b::D", "a::f", "g::h", "I"]);
}

/// The engines' names belong to settings, and to `crates/db`.
#[test]
fn nobody_names_an_engine() {
    let may = ["config.rs", "cli.rs", "app.rs", "migrations.rs"];
    for Source { path, code } in source::server() {
        let code = code.to_lowercase();
        let names = ["sqlite", "postgres"].into_iter().filter(|name| code.contains(name)).collect::<Vec<_>>();
        assert!(names.is_empty() || may.contains(&path.as_str()), "{path} names {names:?}");
    }
}

/// Rules and adapters have no database, and handlers no SQL.
#[test]
fn statements_stand_where_rows_are_read() {
    for Source { path, code } in source::server() {
        if kind(&path) == "rules" || path.starts_with("adapters/") {
            assert!(!code.contains("yuyue_db"), "{path} knows the database");
        }
        if product_of(&path).is_some() && ["routes", "rules", "jobs", "socket"].contains(&kind(&path)) {
            assert!(!code.contains("sql!(") && !code.contains("pick!("), "{path} has SQL");
        }
    }
}

/// Parts are built in one place, and what they need is handed to them.
#[test]
fn only_the_application_constructs() {
    let constructors = [
        ("Db::open", ["app.rs"].as_slice()),
        ("SmsClient::new", &["app.rs"]),
        ("Secrets::find", &["secrets_key.rs"]),
        ("Secrets::make", &["secrets_key.rs"]),
        ("App::build", &["cli.rs"]),
        ("Clock::system", &["cli.rs"]),
    ];
    for Source { path, code } in source::server() {
        for (constructor, places) in constructors {
            assert!(!code.contains(constructor) || places.contains(&path.as_str()), "{path}: {constructor}");
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for Source { path, code } in source::server() {
        let lines = code.lines().count();
        assert!(lines < 1_000, "{path} has {lines} lines");
    }
}
