//! `site`: where machines stand, under whose law, with what electricity.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, NamedQuery},
        site::{Site, SiteCreate, SiteEntities, SiteEntitiesSet, SiteGet, SiteList, SiteNew},
    },
    reference::Ref,
};
use units::{Country, Id, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::or_dash,
    table::{Table, left, right},
};

/// Sites: where machines stand, under whose law, with what electricity
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde site create lyon --country FR --operator 'Exemple SA' --carbon 22 \\
      --carbon-source 'RTE eCO2mix, mean of 2024' --operator-entity exemple --owner-entity exemple
  cocarde site list")]
pub(crate) enum Verb {
    /// List sites
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one site
    Get {
        /// Its name or id
        site: Ref<kinds::Site>,
    },
    /// Create a site
    Create(CreateArgs),
    /// Say who runs and owns a site
    #[command(after_help = "Examples:
  cocarde site entities lyon --operator exemple --owner exemple
  cocarde site entities lyon --operator exploitant --owner ville-de-lyon")]
    Entities {
        /// The site's name or id
        site: Ref<kinds::Site>,
        /// The legal entity that runs it
        #[arg(long, value_name = "ENTITY")]
        operator: Ref<kinds::Entity>,
        /// The legal entity that owns it
        #[arg(long, value_name = "ENTITY")]
        owner: Ref<kinds::Entity>,
        #[command(flatten)]
        guard: Guard,
    },
}

/// What a site is made from.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Its name, unique on the platform
    name: Name,
    /// Where it stands: two capital letters of ISO 3166-1
    #[arg(long)]
    country: Country,
    /// Who runs it
    #[arg(long)]
    operator: String,
    /// Jurisdiction of the operator's ultimate owner [default: the site's country]
    #[arg(long, value_name = "COUNTRY")]
    operator_country: Option<Country>,
    /// The legal entity that runs it: `cocarde entity list`
    #[arg(long, value_name = "ENTITY")]
    operator_entity: Ref<kinds::Entity>,
    /// The legal entity that owns it
    #[arg(long, value_name = "ENTITY")]
    owner_entity: Ref<kinds::Entity>,
    /// A certification that it holds; may be repeated
    #[arg(long = "certification", value_name = "NAME")]
    certifications: Vec<String>,
    /// Power usage effectiveness × 1,000
    #[arg(long, value_name = "PUE", default_value_t = 1_000)]
    pue_milli: u32,
    /// Carbon intensity of its electricity, in gCO2e per kWh
    #[arg(long, value_name = "GRAMS")]
    carbon: u32,
    /// Where that figure is from
    #[arg(long, value_name = "TEXT")]
    carbon_source: String,
    /// Most power that its nodes may draw together, in watts
    #[arg(long, value_name = "WATTS")]
    power_cap: Option<u64>,
    #[command(flatten)]
    once: Once,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { site } => {
            let path = IdPath { id: find(session, &site)? };
            show(session, &session.read::<SiteGet>(&path)?)
        }
        Verb::Entities { site, operator, owner, guard } => {
            let path = IdPath { id: find(session, &site)? };
            let body = SiteEntities { operator_entity: operator, owner_entity: owner };
            show(session, &session.change::<SiteEntitiesSet>(&path, &body, &guard)?)
        }
        Verb::Create(args) => {
            let body = SiteNew {
                name: args.name,
                country: args.country,
                operator: args.operator,
                operator_country: args.operator_country.unwrap_or(args.country),
                operator_entity: args.operator_entity,
                owner_entity: args.owner_entity,
                certifications: args.certifications,
                pue_milli: args.pue_milli,
                carbon_g_per_kwh: args.carbon,
                carbon_source: args.carbon_source,
                power_cap_w: args.power_cap,
            };
            let guard = Guard::once(args.once);
            show(session, &session.change::<SiteCreate>(&Nothing {}, &body, &guard)?)
        }
    }
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<SiteList, _>(&Nothing {}, limit, |n, token| NamedQuery {
        name: None,
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [
            left("ID"),
            left("NAME"),
            left("COUNTRY"),
            left("OPERATOR"),
            left("LAW"),
            left("OWNER"),
        ];
        let figures = [right("NODES"), right("PUE"), right("gCO2e/kWh"), right("CAP W")];
        let mut table = Table::new(&[&columns[..], &figures].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                one.country.to_string(),
                one.operator.clone(),
                law(one),
                or_dash(one.owner_entity),
                one.n_nodes.to_string(),
                pue(one.pue_milli),
                one.carbon_g_per_kwh.to_string(),
                or_dash(one.power_cap_w),
            ]);
        }
        table
    })
}

/// The jurisdiction that controls the operator, as computed.
fn law(one: &Site) -> String {
    one.jurisdiction.map_or_else(|| "unknown".to_owned(), |country| country.to_string())
}

fn pue(milli: u32) -> String {
    format!("{}.{:03}", milli / 1_000, milli % 1_000)
}

fn find(session: &Session, site: &Ref<kinds::Site>) -> Result<Id<kinds::Site>, Failure> {
    id_of(site, "site", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<SiteList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn show(session: &Session, one: &Site) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("country", one.country)
            .field("operator", format!("{} ({})", one.operator, one.operator_country))
            .field("operating entity", or_dash(one.operator_entity))
            .field("controlled by the law of", law(one))
            .field("owner", or_dash(one.owner_entity))
            .field("certifications", one.certifications.join(", "))
            .field("pue", pue(one.pue_milli))
            .field("carbon", format!("{} gCO2e/kWh ({})", one.carbon_g_per_kwh, one.carbon_source))
            .field_if("power cap", one.power_cap_w.map(|watts| format!("{watts} W")))
            .field("nodes", one.n_nodes)
            .field("version", one.version)
    })
}
