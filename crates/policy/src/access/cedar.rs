//! The slow truth: one question about one grant, asked of Cedar itself.
//!
//! Must never be asked on the path of a request; masks are made from its answers and compared with
//! them. What cannot be asked is refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression, Schema, SlotId,
};

use super::SCHEMA;
use crate::stack;

/// A place in the tree of scopes, by names that only need to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Where {
    /// The organisation; `None` is the whole platform.
    pub organisation: Option<&'static str>,
    /// The project of that organisation; `None` is all of it.
    pub project: Option<&'static str>,
}

impl Where {
    /// The whole platform.
    pub const FLEET: Self = Self { organisation: None, project: None };
}

/// A role given to somebody.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The policy text that holds the role's template.
    pub policy: String,
    /// The template's id.
    pub template: &'static str,
    /// Where it was given.
    pub on: Where,
}

/// What is asked of a grant, for any action.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// True if the principal is neither suspended nor expired.
    pub active: bool,
    /// Where it would act.
    pub target: Where,
}

/// The policy text of a custom role: the template `custom` over groups and operations by name.
#[must_use]
pub fn role_policy<'a>(permissions: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = permissions.into_iter().collect();
    let mut list = String::new();
    for name in names {
        let comma = if list.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(list, "{comma}Action::{name:?}");
    }
    format!(
        "@id(\"custom\")\n\
         permit (principal in ?principal, action in [{list}], resource in ?resource);\n\
         @id(\"inactive\")\n\
         forbid (principal, action, resource) unless {{ principal.active }};\n"
    )
}

/// Asks Cedar whether the grant permits an action; false for what cannot be asked.
#[must_use]
pub fn permits(grant: &Grant, question: &Question, action: &str) -> bool {
    permitted(grant, question, std::iter::once(action)).first() == Some(&true)
}

/// Asks the same of several actions.
pub(super) fn permitted<'a>(
    grant: &Grant,
    question: &Question,
    actions: impl Iterator<Item = &'a str>,
) -> Vec<bool> {
    let actions: Vec<&str> = actions.collect();
    stack::for_compiling(|| {
        let asked = ask(grant, question, &actions);
        asked.unwrap_or_else(|_| vec![false; actions.len()])
    })
}

type Failure = Box<dyn std::error::Error>;

/// The schema of this crate, parsed once.
pub(super) static ACCESS: LazyLock<Schema> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant of this crate, read in every test run")]
    let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA).expect("the schema is Cedar");
    schema
});

fn ask(grant: &Grant, question: &Question, actions: &[&str]) -> Result<Vec<bool>, Failure> {
    let schema = &*ACCESS;
    let principal = uid("User", "somebody")?;
    let mut set = named(&grant.policy)?;
    let values = [(SlotId::principal(), principal.clone()), (SlotId::resource(), place(grant.on)?)];
    let values = values.into_iter().collect();
    set.link(PolicyId::new(grant.template), PolicyId::new("grant"), values)?;
    let entities = entities(schema, &principal, question)?;
    let authorizer = Authorizer::new();
    let mut answers = Vec::with_capacity(actions.len());
    for action in actions {
        let request = Request::new(
            principal.clone(),
            uid("Action", action)?,
            place(question.target)?,
            Context::empty(),
            Some(schema),
        )?;
        let response = authorizer.is_authorized(&request, &set, &entities);
        let is_sound = response.diagnostics().errors().next().is_none();
        answers.push(is_sound && response.decision() == Decision::Allow);
    }
    Ok(answers)
}

/// The set with each policy and template under its own id; Cedar numbers them otherwise.
fn named(text: &str) -> Result<PolicySet, Failure> {
    let parsed: PolicySet = text.parse()?;
    let mut set = PolicySet::new();
    for template in parsed.templates() {
        let id = template.annotation("id").unwrap_or_default();
        set.add_template(template.new_id(PolicyId::new(id)))?;
    }
    for policy in parsed.policies() {
        let id = policy.annotation("id").unwrap_or_default();
        set.add(policy.new_id(PolicyId::new(id)))?;
    }
    Ok(set)
}

fn entities(
    schema: &Schema,
    principal: &EntityUid,
    question: &Question,
) -> Result<Entities, Failure> {
    let active = RestrictedExpression::new_bool(question.active);
    let attributes = [("active".to_owned(), active)];
    let mut all = vec![Entity::new_with_tags(principal.clone(), attributes, [], [])?];
    let Where { organisation, project } = question.target;
    let mut above = Where::FLEET;
    for next in [
        organisation.map(|_| Where { organisation, project: None }),
        project.map(|_| Where { organisation, project }),
    ]
    .into_iter()
    .flatten()
    {
        all.push(Entity::new_no_attrs(place(next)?, std::iter::once(place(above)?).collect()));
        above = next;
    }
    Ok(Entities::from_entities(all, Some(schema))?)
}

fn place(place: Where) -> Result<EntityUid, Failure> {
    match (place.organisation, place.project) {
        (None, _) => uid("Fleet", "fleet"),
        (Some(organisation), None) => uid("Organisation", organisation),
        (Some(_), Some(project)) => uid("Project", project),
    }
}

fn uid(of: &str, id: &str) -> Result<EntityUid, Failure> {
    let of: EntityTypeName = of.parse()?;
    Ok(EntityUid::from_type_name_and_id(of, EntityId::new(id)))
}
