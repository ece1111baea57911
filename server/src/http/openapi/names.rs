//! utoipa writes out what a generic schema holds. Here it gets its name back, so that a generated client
//! has one type for one thing.

use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Schema};
use utoipa::openapi::{OpenApi, Ref, RefOr};

/// In `SlotsReply_Vec_Hour`, replaces what is written out as `Hour` by a reference to it.
pub fn refer_to_parts(api: &mut OpenApi) {
    let Some(components) = &mut api.components else { return };
    let known = components.schemas.clone();
    for (name, schema) in &mut components.schemas {
        let is_part = |part: &str| name.strip_suffix(part).is_some_and(|outer| outer.ends_with('_'));
        let parts: Vec<_> = known.iter().filter(|(part, _)| is_part(part)).collect();
        if let RefOr::T(schema) = schema {
            insides(schema).into_iter().for_each(|inside| refer(inside, &parts));
        }
    }
}

fn refer(schema: &mut RefOr<Schema>, parts: &[(&String, &RefOr<Schema>)]) {
    if let Some((name, _)) = parts.iter().find(|(_, part)| *part == schema) {
        *schema = Ref::from_schema_name(name.as_str()).into();
    }
    if let RefOr::T(schema) = schema {
        insides(schema).into_iter().for_each(|inside| refer(inside, parts));
    }
}

/// The schemas that stand in one.
fn insides(schema: &mut Schema) -> Vec<&mut RefOr<Schema>> {
    match schema {
        Schema::Object(object) => {
            let others = match object.additional_properties.as_deref_mut() {
                Some(AdditionalProperties::RefOr(schema)) => Some(schema),
                _ => None,
            };
            object.properties.values_mut().chain(others).collect()
        }
        Schema::Array(array) => match &mut array.items {
            ArrayItems::RefOrSchema(schema) => vec![schema],
            ArrayItems::False => Vec::new(),
        },
        Schema::OneOf(one_of) => one_of.items.iter_mut().collect(),
        Schema::AllOf(all_of) => all_of.items.iter_mut().collect(),
        Schema::AnyOf(any_of) => any_of.items.iter_mut().collect(),
        _ => Vec::new(),
    }
}
