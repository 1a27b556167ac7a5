//! The Cedar names of the schema, parsed once, and a question put into them.
//!
//! Must never decide anything: it only translates.

use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
    Schema, Validator,
};
use units::DataClass;

use crate::question::{Action, Question};
use crate::text::SCHEMA;

/// The validator over the schema of this crate.
pub(crate) static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant of this crate, compiled in every test run")]
    let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA).expect("the schema is Cedar");
    Validator::new(schema)
});

/// Entity types of the schema.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    organisation: EntityTypeName,
    project: EntityTypeName,
    site: EntityTypeName,
    action: EntityTypeName,
    class: EntityTypeName,
    category: EntityTypeName,
}

pub(crate) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary {
    organisation: type_name("Organisation"),
    project: type_name("Project"),
    site: type_name("Site"),
    action: type_name("Action"),
    class: type_name("Class"),
    category: type_name("Category"),
});

fn type_name(text: &str) -> EntityTypeName {
    #[expect(clippy::expect_used, reason = "six constant identifiers, used in every test run")]
    text.parse().expect("a constant identifier is a type name")
}

impl Vocabulary {
    fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
    }

    pub(crate) fn action(&self, action: Action) -> EntityUid {
        Self::uid(&self.action, action.as_str())
    }

    fn class(&self, class: DataClass) -> RestrictedExpression {
        RestrictedExpression::new_entity_uid(Self::uid(&self.class, class.as_str()))
    }

    /// The question as Cedar's request and entities.
    ///
    /// # Errors
    /// Cedar's message; plain data of the right types gives none, but a no is safer than a panic.
    pub(crate) fn put(
        &self,
        question: &Question,
        schema: Option<&Schema>,
    ) -> Result<(Request, Entities), String> {
        let principal = Self::uid(&self.project, &question.project);
        let resource = Self::uid(&self.site, &question.site.id);
        let category = Self::uid(&self.category, question.category.as_str());
        let mut pairs = vec![
            ("class".to_owned(), self.class(question.class)),
            ("category".to_owned(), RestrictedExpression::new_entity_uid(category)),
        ];
        if let Some(countries) = &question.residency {
            let list = countries.iter().map(|c| text(c.as_str()));
            pairs.push(("residency".to_owned(), RestrictedExpression::new_set(list)));
        }
        let context = Context::from_pairs(pairs).map_err(|e| e.to_string())?;
        let request = Request::new(
            principal.clone(),
            self.action(question.action),
            resource.clone(),
            context,
            schema,
        )
        .map_err(|e| e.to_string())?;
        let organisation = Self::uid(&self.organisation, &question.organisation);
        let project = Entity::new_no_attrs(principal, std::iter::once(organisation).collect());
        let site = self.site(resource, question)?;
        let entities =
            Entities::from_entities([project, site], schema).map_err(|e| e.to_string())?;
        Ok((request, entities))
    }

    fn site(&self, uid: EntityUid, question: &Question) -> Result<Entity, String> {
        let site = &question.site;
        let certifications = site.certifications.iter().map(|c| text(c));
        let attributes = [
            ("name", text(&site.name)),
            ("country", text(site.country.as_str())),
            ("operator", text(&site.operator)),
            ("operator_country", text(site.operator_country.as_str())),
            ("certifications", RestrictedExpression::new_set(certifications)),
            ("operator_entity", text(&site.legal.operator)),
            ("operator_jurisdiction", text(&site.legal.operator_jurisdiction)),
            ("owner_entity", text(&site.legal.owner)),
            ("owner_jurisdiction", text(&site.legal.owner_jurisdiction)),
            ("ownership_met", RestrictedExpression::new_bool(site.legal.ownership_met)),
        ];
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
        Entity::new_with_tags(uid, attributes, [], []).map_err(|e| e.to_string())
    }
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}
