//! What operations have in common, and what follows from their product: their ids, who may call them,
//! what they take, and how they answer.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, Deprecated, HeaderBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder,
};

use super::names::refer_to_parts;
use crate::http::router::ALIASES;

/// Completes each operation, and adds the aliases.
pub fn complete(api: &mut OpenApi) {
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            let tag = operation.tags.as_ref().and_then(|tags| tags.first()).cloned().unwrap_or_default();
            operation.operation_id = Some(id(&tag, path, operation));
            operation.security = Some(security(&tag, operation.security.take()));
            complete_parameters(method, path, operation);
            complete_responses(&tag, operation);
        }
    }
    add_aliases(api);
    refer_to_parts(api);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, put, delete, patch, .. } = item;
    let methods = [("get", get), ("post", post), ("put", put), ("delete", delete), ("patch", patch)];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The product and the handler's name, which generated clients call their methods by. Handlers of
/// homemaking are named within the module of a thing, which is the first word of its paths.
fn id(tag: &str, path: &str, operation: &Operation) -> String {
    let handler = operation.operation_id.as_deref().unwrap_or_default();
    match path.strip_prefix("/homemaking/") {
        Some(path) => {
            let is_letter = |letter: char| letter.is_ascii_alphanumeric();
            let thing = path.trim_start_matches("v1/").split(|letter| !is_letter(letter)).next();
            let thing = thing.unwrap_or_default();
            format!("{tag}_{thing}_{handler}")
        }
        None => format!("{tag}_{handler}"),
    }
}

/// Who may call: what the operation says of itself, else what is so in all of its product.
fn security(tag: &str, own: Option<Vec<SecurityRequirement>>) -> Vec<SecurityRequirement> {
    let named = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    let nobody = SecurityRequirement::default();
    match (own, tag) {
        // Nothing but "nobody" is said with an empty list.
        (Some(own), _) if own == [nobody.clone()] => Vec::new(),
        // A console's session is as good as a key.
        (_, "staff") => ["staff", "console"].map(named).into(),
        (Some(own), _) => own,
        // Documented mode asks nobody; enforced mode asks for one of these.
        (None, "slots") => {
            let callers = ["member", "device", "staff", "console"].map(named);
            std::iter::once(nobody).chain(callers).collect()
        }
        (None, "visitors") => {
            let callers = ["wechat", "device", "staff", "console"].map(named);
            std::iter::once(nobody).chain(callers).collect()
        }
        (None, _) => Vec::new(),
    }
}

/// What creates something in products that answer 200 all the same.
const CREATING: [&str; 6] = [
    "/v1/make-appointment",
    "/v1/login/sms_code",
    "/v1/subject",
    "/v1/subject/binding",
    "/v1/visitor/binding",
    "/v1/visit/signin",
];

fn complete_parameters(method: &str, path: &str, operation: &mut Operation) {
    let creates = operation.responses.responses.contains_key("201") || CREATING.contains(&path);
    let parameters = operation.parameters.get_or_insert_default();
    for parameter in parameters.iter_mut() {
        if let RefOr::T(Parameter { name, schema: Some(RefOr::T(Schema::Object(schema))), .. }) = parameter
            && name == "id"
            && schema.schema_type == SchemaType::Type(Type::Integer)
        {
            schema.minimum = Some(1.into());
        }
    }
    if creates && method == "post" {
        parameters.push(idempotency_key().into());
    }
    if VERSIONED.contains(&path) {
        if method == "put" {
            parameters.push(if_match().into());
        }
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let header = HeaderBuilder::new().schema(Some(text)).description(Some("The document's version"));
            response.headers.insert("ETag".to_owned(), header.build().into());
        }
    }
}

/// Documents that are read and replaced as a whole.
const VERSIONED: [&str; 4] =
    ["/admin/v1/schedule", "/admin/v1/notices", "/v1/config/servers", "/v1/config/templates"];

fn if_match() -> Parameter {
    let tag = r#"(W/)?"[!#-~]*""#;
    let pattern = format!(r"^(\*|{tag}(, *{tag})*)$");
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    ParameterBuilder::new()
        .name("If-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Replace only this version, an `ETag` that was read; otherwise 412. Left out: any"))
        .schema(Some(text))
        .build()
}

fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(128));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("A repeat with the same key and body gets the first reply again, for 24 hours"))
        .schema(Some(text))
        .build()
}

fn complete_responses(tag: &str, operation: &mut Operation) {
    let (failure, media) = match tag {
        "slots" => ("SlotsError", "application/json"),
        "visitors" => ("VisitorsError", "application/json"),
        "members" => ("MembersError", "application/json"),
        "homemaking" => ("HomemakingError", "application/json"),
        _ => ("Problem", "application/problem+json"),
    };
    let failure: RefOr<Schema> = Ref::from_schema_name(failure).into();
    // Their clients read the body, so what reached the application is a 200.
    let answers_200 = matches!(tag, "slots" | "visitors");
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        describe(status, answers_200, response);
        for (media, content) in &mut response.content {
            let RefOr::T(content) = content else { continue };
            if media.starts_with("image/") {
                content.schema = Some(picture().into());
            }
            if answers_200
                && media == "application/json"
                && let Some(success) = content.schema.take()
            {
                let either = OneOfBuilder::new().item(success).item(failure.clone());
                content.schema = Some(RefOr::T(either.into()));
            }
        }
    }
    let content = ContentBuilder::new().schema(Some(failure)).build();
    let response = ResponseBuilder::new().description("What went wrong").content(media, content).build();
    operation.responses.responses.insert("default".to_owned(), response.into());
}

/// Says what a status means, where the operation does not.
fn describe(status: &str, answers_200: bool, response: &mut Response) {
    if !response.description.is_empty() {
        return;
    }
    let meaning = match status {
        "200" if answers_200 && response.content.contains_key("application/json") => {
            "Done, or refused: the body says which"
        }
        "200" => "What was asked for",
        "201" => "Created",
        "204" => "Done; there is nothing to tell",
        "304" => "What the caller has is still so",
        _ => "What went wrong",
    };
    meaning.clone_into(&mut response.description);
}

fn picture() -> Schema {
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).into()
}

/// An alias is what it stands for, under an id of its own.
fn add_aliases(api: &mut OpenApi) {
    for (alias, of) in ALIASES {
        let Some(mut item) = api.paths.paths.get(of).cloned() else { continue };
        let before = ALIASES.iter().take_while(|(other, _)| *other != alias);
        let number = 1 + before.filter(|(_, other)| *other == of).count();
        for (_, operation) in operations(&mut item) {
            operation.deprecated = Some(Deprecated::True);
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_alias_{number}"));
        }
        api.paths.paths.insert(alias.to_owned(), item);
    }
}
