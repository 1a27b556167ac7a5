//! Legal entities: who runs, owns and controls what, and what follows from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Country, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, NamedQuery, Page},
    problem::Code,
    reference::Ref,
    text::{CountryText, IdText, NameText, Timestamp},
};

/// What kind of owner or operator an entity is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityForm {
    /// A company: shares that nobody declared are unknown.
    #[default]
    Company,
    /// A state, a public body, a foundation: nobody holds it.
    PublicBody,
    /// Natural persons by their role, such as the founders; never by name.
    Persons,
}

/// Whether the limits on foreign holders are kept (SecNumCloud 3.2 §19.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnershipVerdict {
    /// Even if every undeclared share were foreign.
    Met,
    /// By what is declared.
    NotMet,
    /// What is not declared could break it: not compliant until it is declared.
    Unknown,
}

/// One holder's share of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityHolder {
    /// Who holds: a registered entity.
    pub holder: Ref<kinds::Entity>,
    /// Share of the capital, in hundredths of a percent.
    pub capital_bp: u32,
    /// Share of the votes, in hundredths of a percent.
    pub votes_bp: u32,
    /// True if the holder may veto decisions.
    #[serde(default)]
    pub veto: bool,
    /// True if the holder may appoint most of a board.
    #[serde(default)]
    pub board_majority: bool,
}

/// What the register says of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityFacts {
    /// The name it is registered under; no natural person's.
    pub legal_name: String,
    /// Country of the registered seat.
    #[schemars(with = "CountryText")]
    pub seat: Country,
    /// Country of the central administration, where it is not the seat's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CountryText>")]
    pub administration: Option<Country>,
    /// What kind of entity it is.
    #[serde(default)]
    pub form: EntityForm,
    /// True if its shares are traded on a regulated market.
    #[serde(default)]
    pub listed: bool,
    /// Who holds it; each holder once.
    #[serde(default)]
    pub holders: Vec<EntityHolder>,
}

/// A legal entity with what follows from the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entity {
    /// Its id.
    #[schemars(with = "IdText<kinds::Entity>")]
    pub id: Id<kinds::Entity>,
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What the register says of it.
    pub facts: EntityFacts,
    /// Whether it keeps the limits on foreign holders, computed.
    pub ownership: OwnershipVerdict,
    /// What speaks against it.
    pub findings: Vec<String>,
    /// Largest share of one foreign holder through all chains, in hundredths of a percent.
    pub largest_foreign_bp: u32,
    /// Share of all foreign holders together, in hundredths of a percent.
    pub foreign_bp: u32,
    /// The jurisdiction that controls it in the end; absent where nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CountryText>")]
    pub jurisdiction: Option<Country>,
    /// Who controls it in the end, if somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Entity>>")]
    pub controller: Option<Id<kinds::Entity>>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A legal entity to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityNew {
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What the register says of it.
    pub facts: EntityFacts,
}

/// `POST /api/v1/entities`: register a legal entity.
#[derive(Debug)]
pub struct EntityCreate;

impl Endpoint for EntityCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/entities";
    const ID: &'static str = "entity_create";
    const SUMMARY: &'static str = "Register a legal entity";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NameTaken, Code::NotFound];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = EntityNew;
    type Response = Entity;
}

/// `PUT /api/v1/entities/{id}`: replace what the register says of an entity.
#[derive(Debug)]
pub struct EntityPut;

impl Endpoint for EntityPut {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/entities/{id}";
    const ID: &'static str = "entity_put";
    const SUMMARY: &'static str = "Replace what the register says of an entity";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Entity>;
    type Query = Nothing;
    type Body = EntityFacts;
    type Response = Entity;
}

/// `GET /api/v1/entities`: list legal entities.
#[derive(Debug)]
pub struct EntityList;

impl Endpoint for EntityList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/entities";
    const ID: &'static str = "entity_list";
    const SUMMARY: &'static str = "List legal entities";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = NamedQuery;
    type Body = Nothing;
    type Response = Page<Entity>;
}

/// `GET /api/v1/entities/{id}`: get a legal entity.
#[derive(Debug)]
pub struct EntityGet;

impl Endpoint for EntityGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/entities/{id}";
    const ID: &'static str = "entity_get";
    const SUMMARY: &'static str = "Get a legal entity";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Entity>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Entity;
}
