//! What a fresh platform needs to be provable: a legal entity that runs it, residency rules, and places
//! where data is kept. Each step does nothing when it is already true.
//!
//! Must never claim what nobody declared: the entity that a first start registers has no holders, so
//! its jurisdiction is unknown, and every score and report says so until its operator fills it in.

use kernel::{
    Actor, Command, State, Subject, Submission,
    access::Scope,
    decision, entity, policy_set, site,
    storage::{self, Purpose},
};
use policy::{
    Residency,
    ownership::{Facts, Form, is_in_eu},
};
use units::{Id, kinds};

use super::{Platform, SubmitFailure, bootstrap::name};

/// Name of the entity that a first start registers.
const OPERATOR: &str = "local-operator";
/// Places that one machine has, by their names.
const PLACES: [(&str, Purpose); 6] = [
    ("artefacts", Purpose::Artefacts),
    ("log", Purpose::Log),
    ("accounts", Purpose::Accounts),
    ("keys", Purpose::Keys),
    // What a browser or a command line takes away lands, where nobody says otherwise, at this site.
    ("backup", Purpose::Backup),
    ("exports", Purpose::Exports),
];

impl Platform {
    /// The declaration with an operator and owner: those it names, else `local-operator` of the
    /// register, else a new one that its operator is asked to fill in.
    pub(super) async fn with_entities(
        &self,
        config: site::Config,
    ) -> Result<site::Config, SubmitFailure> {
        if config.operator_entity.is_some() && config.owner_entity.is_some() {
            return Ok(config);
        }
        let known = self.read(|state| {
            let named = state.entities.values().find(|one| one.name.as_str() == OPERATOR);
            named.map(|one| one.id)
        });
        let id = match known {
            Some(id) => id,
            None => self.register_operator(&config).await?,
        };
        Ok(site::Config {
            operator_entity: config.operator_entity.or(Some(id)),
            owner_entity: config.owner_entity.or(Some(id)),
            ..config
        })
    }

    async fn register_operator(
        &self,
        config: &site::Config,
    ) -> Result<Id<kinds::Entity>, SubmitFailure> {
        let facts = Facts {
            legal_name: config.operator.clone(),
            seat: config.operator_country,
            administration: None,
            form: Form::Company,
            listed: false,
            holders: Vec::new(),
        };
        let command = entity::Command::Register { name: name(OPERATOR)?, facts };
        let submission = Submission::new(Command::Entity(command));
        match self.submit(Actor::System, submission).await?.subject {
            Some(Subject::Entity(id)) => Ok(id),
            other => {
                Err(SubmitFailure::Unavailable(format!("an entity was answered by {other:?}")))
            }
        }
    }

    /// Residency rules of the platform, places of storage at a site, and answers for what runs.
    ///
    /// # Errors
    /// If the log cannot take it.
    pub(super) async fn ensure_sovereignty(
        &self,
        site: Id<kinds::Site>,
    ) -> Result<(), SubmitFailure> {
        self.ensure_residency().await?;
        for (place, purpose) in PLACES {
            if self.read(|state| storage::in_use(state, purpose).is_some()) {
                continue;
            }
            let register = storage::Command::Register {
                name: name(place)?,
                purpose,
                site,
                operator_entity: None,
                owner_entity: None,
            };
            let register = Submission::new(Command::Storage(register));
            if let Err(refused) = self.submit(Actor::System, register).await {
                tracing::warn!(%refused, place, "a place of storage was not registered; an audit will say so");
            }
        }
        let review = Command::Decision(decision::Command::Review);
        self.submit(Actor::System, Submission::new(review)).await.map(|_| ())
    }

    /// The default: all four categories of data lie and are processed in the Union. A platform that
    /// ran elsewhere before there were such rules is left as it is, with a warning.
    async fn ensure_residency(&self) -> Result<(), SubmitFailure> {
        let has_rules = |state: &State| policy_set::residency_of(state, Scope::Platform).is_some();
        if self.read(has_rules) {
            return Ok(());
        }
        let ran_elsewhere = self.read(|state| {
            let outside = |site: &site::Site| !is_in_eu(site.config.country);
            !state.workloads.is_empty() && state.sites.values().any(outside)
        });
        if ran_elsewhere {
            tracing::warn!(
                "no residency rules are in force: put some in force with `cocarde policy residency`"
            );
            return Ok(());
        }
        let set = policy_set::Command::SetResidency {
            scope: Scope::Platform,
            residency: Residency::european(),
        };
        let set = Submission::new(Command::PolicySet(set));
        self.submit(Actor::System, set).await.map(|_| ())
    }
}
