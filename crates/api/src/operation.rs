//! An endpoint as a value: what [`Endpoint`] says in types, for code that walks over all of them.

use std::any::TypeId;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use crate::{
    endpoint::{self, Content, Endpoint, Method, Nothing, Permission, Raw},
    problem::Code,
};

/// One endpoint.
#[derive(Debug, Clone)]
pub struct Operation {
    /// HTTP method.
    pub method: Method,
    /// Path as axum writes it.
    pub path: &'static str,
    /// `operationId`.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// More, or empty.
    pub description: &'static str,
    /// Who may call it.
    pub permission: Permission,
    /// Every code that it may answer with, sorted.
    pub codes: Vec<Code>,
    /// Status of success.
    pub status: u16,
    /// True if it may add to the log and honours `Idempotency-Key`.
    pub mutates: bool,
    /// True if it honours `If-Match`.
    pub if_match: bool,
    /// How its request body travels; `None` without one.
    pub request: Option<Content>,
    /// How its answer travels; `None` without one.
    pub response: Option<Content>,
    schemas: fn(&mut SchemaGenerator) -> Schemas,
}

/// Schemas of an endpoint; the DTOs among them are references into the generator's definitions.
pub(crate) struct Schemas {
    pub(crate) path: Value,
    pub(crate) query: Value,
    pub(crate) body: Option<Value>,
    pub(crate) response: Option<Value>,
}

impl Operation {
    /// The description of `E`.
    #[must_use]
    pub fn of<E: Endpoint>() -> Self {
        Self {
            method: E::METHOD,
            path: E::PATH,
            id: E::ID,
            summary: E::SUMMARY,
            description: E::DESCRIPTION,
            permission: E::PERMISSION,
            codes: endpoint::codes::<E>(),
            status: E::STATUS,
            mutates: E::MUTATES,
            if_match: E::IF_MATCH,
            request: endpoint::has_body::<E>().then_some(E::REQUEST),
            response: endpoint::has_response::<E>().then_some(E::RESPONSE),
            schemas: |generator| Schemas {
                path: E::Path::json_schema(generator).to_value(),
                query: E::Query::json_schema(generator).to_value(),
                body: schema_of::<E::Body>(generator),
                response: schema_of::<E::Response>(generator),
            },
        }
    }

    /// Names of the path's parameters, in order.
    #[must_use]
    pub fn path_parameters(&self) -> Vec<&'static str> {
        let inside = self.path.split('{').skip(1);
        inside
            .filter_map(|rest| rest.split_once('}'))
            .map(|(n, _)| n.trim_start_matches('*'))
            .collect()
    }

    pub(crate) fn schemas(&self, generator: &mut SchemaGenerator) -> Schemas {
        (self.schemas)(generator)
    }
}

/// `None` for [`Nothing`], an empty schema for [`Raw`], else a reference.
fn schema_of<T: JsonSchema + 'static>(generator: &mut SchemaGenerator) -> Option<Value> {
    if TypeId::of::<T>() == TypeId::of::<Nothing>() {
        return None;
    }
    if TypeId::of::<T>() == TypeId::of::<Raw>() {
        return Some(json!({}));
    }
    Some(generator.subschema_for::<T>().to_value())
}
