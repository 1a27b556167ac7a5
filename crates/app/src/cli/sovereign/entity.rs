//! `entity`: legal entities, who holds whom, and what follows from it.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, NamedQuery},
        entity::{
            Entity, EntityCreate, EntityFacts, EntityForm, EntityGet, EntityHolder, EntityList,
            EntityNew, EntityPut, OwnershipVerdict,
        },
    },
    reference::Ref,
};
use units::{Country, Id, Name, kinds};

use crate::cli::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::or_dash,
    table::{Table, left, right},
};

/// Legal entities: who runs, owns and controls what
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde entity create founders --legal-name 'the founders' --seat FR --form persons
  cocarde entity create exemple --legal-name 'Exemple SA' --seat FR \\
      --holder founders:76.00 --holder fund:24.00:20.00:veto
  cocarde entity list")]
pub(crate) enum Verb {
    /// List legal entities
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one entity with what follows from the register
    Get {
        /// Its name or id
        entity: Ref<kinds::Entity>,
    },
    /// Register an entity
    Create {
        /// Its name, unique on the platform
        name: Name,
        #[command(flatten)]
        facts: FactsArgs,
        #[command(flatten)]
        once: Once,
    },
    /// Replace what the register says of an entity
    Set {
        /// Its name or id
        entity: Ref<kinds::Entity>,
        #[command(flatten)]
        facts: FactsArgs,
        #[command(flatten)]
        guard: Guard,
    },
}

/// What the register says.
#[derive(Debug, clap::Args)]
pub(crate) struct FactsArgs {
    /// The name it is registered under; no natural person's
    #[arg(long, value_name = "TEXT")]
    legal_name: String,
    /// Country of the registered seat
    #[arg(long, value_name = "COUNTRY")]
    seat: Country,
    /// Country of the central administration, where it is not the seat's
    #[arg(long, value_name = "COUNTRY")]
    administration: Option<Country>,
    /// `company`, `public-body` or `persons`: natural persons by their role
    #[arg(long, value_name = "FORM", default_value = "company", value_parser = form)]
    form: EntityForm,
    /// Its shares are traded on a regulated market
    #[arg(long)]
    listed: bool,
    /// `ENTITY:PERCENT[:PERCENT OF VOTES][:veto][:board]`; may be repeated
    #[arg(long = "holder", value_name = "HOLDER", value_parser = holder)]
    holders: Vec<EntityHolder>,
}

impl FactsArgs {
    fn facts(self) -> EntityFacts {
        EntityFacts {
            legal_name: self.legal_name,
            seat: self.seat,
            administration: self.administration,
            form: self.form,
            listed: self.listed,
            holders: self.holders,
        }
    }
}

fn form(text: &str) -> Result<EntityForm, String> {
    match text {
        "company" => Ok(EntityForm::Company),
        "public-body" => Ok(EntityForm::PublicBody),
        "persons" => Ok(EntityForm::Persons),
        other => Err(format!("`{other}` is no form: use `company`, `public-body` or `persons`")),
    }
}

fn holder(text: &str) -> Result<EntityHolder, String> {
    let mut parts = text.split(':');
    let holder = parts.next().unwrap_or_default().parse().map_err(|e| format!("{e}"))?;
    let mut shares = Vec::new();
    let (mut veto, mut board_majority) = (false, false);
    for part in parts {
        match part {
            "veto" => veto = true,
            "board" => board_majority = true,
            share => shares.push(basis_points(share)?),
        }
    }
    let (capital_bp, votes_bp) = match shares.as_slice() {
        [both] => (*both, *both),
        [capital, votes] => (*capital, *votes),
        _ => return Err(format!("`{text}` needs one or two shares, such as `fund:24.00`")),
    };
    Ok(EntityHolder { holder, capital_bp, votes_bp, veto, board_majority })
}

/// Percent with at most two decimals, as hundredths of a percent.
fn basis_points(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is no share: write percent such as `24` or `24.01`");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if part.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let part: u32 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
    whole.checked_mul(100).and_then(|bp| bp.checked_add(part)).ok_or_else(wrong)
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { entity } => {
            let path = IdPath { id: find(session, &entity)? };
            show(session, &session.read::<EntityGet>(&path)?)
        }
        Verb::Create { name, facts, once } => {
            let body = EntityNew { name, facts: facts.facts() };
            let guard = Guard::once(once);
            show(session, &session.change::<EntityCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Set { entity, facts, guard } => {
            let path = IdPath { id: find(session, &entity)? };
            show(session, &session.change::<EntityPut>(&path, &facts.facts(), &guard)?)
        }
    }
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<EntityList, _>(&Nothing {}, limit, |n, token| NamedQuery {
        name: None,
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("SEAT"), left("LAW"), left("19.6")];
        let figures = [right("ONE FOREIGN"), right("ALL FOREIGN")];
        let mut table = Table::new(&[&columns[..], &figures].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                one.facts.seat.to_string(),
                one.jurisdiction.map_or_else(|| "unknown".to_owned(), |c| c.to_string()),
                verdict(one.ownership).to_owned(),
                percent(one.largest_foreign_bp),
                percent(one.foreign_bp),
            ]);
        }
        table
    })
}

const fn verdict(verdict: OwnershipVerdict) -> &'static str {
    match verdict {
        OwnershipVerdict::Met => "met",
        OwnershipVerdict::NotMet => "not met",
        OwnershipVerdict::Unknown => "unknown",
    }
}

fn percent(bp: u32) -> String {
    format!("{}.{:02} %", bp / 100, bp % 100)
}

fn find(session: &Session, entity: &Ref<kinds::Entity>) -> Result<Id<kinds::Entity>, Failure> {
    id_of(entity, "entity", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<EntityList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn show(session: &Session, one: &Entity) -> Result<(), Failure> {
    session.output.show(one, || {
        let mut table = Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("legal name", &one.facts.legal_name)
            .field("seat", one.facts.seat)
            .field("controlled by", or_dash(one.controller))
            .field(
                "under the law of",
                one.jurisdiction.map_or_else(|| "unknown".to_owned(), |c| c.to_string()),
            )
            .field("SecNumCloud 19.6", verdict(one.ownership))
            .field("largest foreign holder", percent(one.largest_foreign_bp))
            .field("all foreign holders", percent(one.foreign_bp))
            .field("version", one.version);
        for finding in &one.findings {
            table = table.note(format!("- {finding}"));
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_to_the_hundredth() {
        for (text, bp) in [("24", 2_400), ("24.01", 2_401), ("0.5", 50), ("100.00", 10_000)] {
            assert_eq!(basis_points(text), Ok(bp), "{text}");
        }
        for text in ["", ".", "24.", "24.001", "-1", "a", "1,5"] {
            assert!(basis_points(text).is_err(), "{text}");
        }
        let one = holder("fund:24.00:20:veto").unwrap();
        assert_eq!((one.capital_bp, one.votes_bp, one.veto), (2_400, 2_000, true));
        assert!(holder("fund").is_err());
    }
}
