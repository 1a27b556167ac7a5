//! `identity-provider`: who vouches for the people of an organisation, and what its groups mean here.
//!
//! A client secret is read unseen or from standard input, and is never an argument or an answer.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, NamedQuery},
        identity_provider::{
            GroupRule, IdentityProvider, IdentityProviderConfig, IdentityProviderCreate,
            IdentityProviderDelete, IdentityProviderGet, IdentityProviderList, IdentityProviderNew,
            IdentityProviderReplace,
        },
    },
    reference::Ref,
};
use units::{Id, Name, kinds};

use super::{
    failure::Failure,
    login,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{age, now, or_dash},
    say,
    table::{Table, left, right},
};

/// Identity providers: who vouches for people who sign in, and what their groups mean
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde identity-provider create sso --organisation bank --issuer https://sso.bank.example --client-id cocarde
  cocarde identity-provider update sso --group staff=grp_… --listed true
  cocarde identity-provider list")]
pub(crate) enum Verb {
    /// List providers
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one provider
    #[command(visible_alias = "show")]
    Get {
        /// Its name or id
        provider: Ref<kinds::IdentityProvider>,
    },
    /// Create a provider: its people can sign in from then on
    #[command(after_help = "Examples:
  cocarde identity-provider create sso --organisation bank --issuer https://sso.bank.example --client-id cocarde
  cocarde identity-provider create staff --issuer https://id.example.fr --client-id cocarde --secret < secret.txt")]
    Create {
        /// Unique in its organisation
        name: Name,
        /// Whose people; those who run the platform if absent
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Its address, exactly as its tokens name it
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// Who we are there
        #[arg(long, value_name = "ID")]
        client_id: String,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        once: Once,
    },
    /// Describe a provider anew; what is not named stays as it is
    #[command(after_help = "Examples:
  cocarde identity-provider update sso --creates-users true --group staff=grp_…
  cocarde identity-provider update sso --secret < secret.txt")]
    Update {
        /// Its name or id
        provider: Ref<kinds::IdentityProvider>,
        /// Its address, exactly as its tokens name it
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// Who we are there
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        once: Once,
    },
    /// Delete a provider: nobody signs in by it any more
    #[command(visible_alias = "disable")]
    Delete {
        /// Its name or id
        provider: Ref<kinds::IdentityProvider>,
        #[command(flatten)]
        once: Once,
    },
}

/// What else is said of a provider.
#[derive(Debug, clap::Args)]
pub(crate) struct Terms {
    /// Read the client secret, unseen or from standard input; a public client has none
    #[arg(long)]
    secret: bool,
    /// A scope to ask for besides `openid`; repeat for several
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Option<Vec<String>>,
    /// The claim with a person's groups, such as `groups` or `realm_access.roles`
    #[arg(long, value_name = "CLAIM")]
    group_claim: Option<String>,
    /// Whether somebody who is not known yet becomes a user at the first sign-in
    #[arg(long, value_name = "true|false")]
    creates_users: Option<bool>,
    /// Whether it is named on the sign-in page, which everybody sees
    #[arg(long, value_name = "true|false")]
    listed: Option<bool>,
    /// A group of the provider and the group here that it means, such as `staff=grp_…`; repeat for several
    #[arg(long = "group", value_name = "CLAIM=GROUP", value_parser = rule)]
    groups: Option<Vec<GroupRule>>,
}

impl Terms {
    /// The description with what is named here in place of what it says.
    fn on(self, config: IdentityProviderConfig) -> Result<IdentityProviderConfig, Failure> {
        let secret = self.secret.then(|| login::read_hidden("client secret")).transpose()?;
        Ok(IdentityProviderConfig {
            client_secret: secret,
            scopes: self.scopes.or(config.scopes),
            group_claim: self.group_claim.or(config.group_claim),
            creates_users: self.creates_users.unwrap_or(config.creates_users),
            listed: self.listed.unwrap_or(config.listed),
            groups: self.groups.unwrap_or(config.groups),
            ..config
        })
    }
}

fn rule(text: &str) -> Result<GroupRule, String> {
    let (claim, group) = text.rsplit_once('=').ok_or("write it as `staff=grp_…`")?;
    let group = group.parse().map_err(|error| format!("`{group}` is no group's id: {error}"))?;
    Ok(GroupRule { claim: claim.to_owned(), group })
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { provider } => {
            let path = IdPath { id: find(session, &provider)? };
            show(session, &session.read::<IdentityProviderGet>(&path)?)
        }
        Verb::Create { name, organisation, issuer, client_id, terms, once } => {
            let config = IdentityProviderConfig {
                issuer,
                client_id,
                client_secret: None,
                scopes: None,
                group_claim: None,
                creates_users: false,
                listed: false,
                groups: Vec::new(),
            };
            let body = IdentityProviderNew { organisation, name, config: terms.on(config)? };
            let guard = Guard::once(once);
            show(session, &session.change::<IdentityProviderCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Update { provider, issuer, client_id, terms, once } => {
            let path = IdPath { id: find(session, &provider)? };
            let known = session.read::<IdentityProviderGet>(&path)?;
            let config = IdentityProviderConfig {
                issuer: issuer.unwrap_or(known.issuer),
                client_id: client_id.unwrap_or(known.client_id),
                client_secret: None,
                scopes: Some(known.scopes),
                group_claim: Some(known.group_claim),
                creates_users: known.creates_users,
                listed: known.listed,
                groups: known.groups,
            };
            let (body, guard) = (terms.on(config)?, Guard::once(once));
            show(session, &session.change::<IdentityProviderReplace>(&path, &body, &guard)?)
        }
        Verb::Delete { provider, once } => {
            let path = IdPath { id: find(session, &provider)? };
            session.change::<IdentityProviderDelete>(&path, &Nothing {}, &Guard::once(once))?;
            say("deleted: nobody signs in by it any more");
            session.output.show(&Nothing {}, Table::fields)
        }
    }
}

fn find(
    session: &Session,
    provider: &Ref<kinds::IdentityProvider>,
) -> Result<Id<kinds::IdentityProvider>, Failure> {
    id_of(provider, "identity provider", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<IdentityProviderList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|provider| provider.id).collect())
    })
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<IdentityProviderList, _>(&Nothing {}, limit, |n, token| {
        NamedQuery { name: None, limit: Some(n), page_token: token }
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("ORGANISATION"), left("ISSUER")];
        let mut table = Table::new(&[&columns[..], &[right("GROUPS"), right("AGE")]].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                or_dash(one.organisation.map(|id| id.to_string())),
                one.issuer.clone(),
                one.groups.len().to_string(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, one: &IdentityProvider) -> Result<(), Failure> {
    session.output.show(one, || {
        let rules: Vec<String> =
            one.groups.iter().map(|rule| format!("{}={}", rule.claim, rule.group)).collect();
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field_if("organisation", one.organisation)
            .field("issuer", &one.issuer)
            .field("client id", &one.client_id)
            .field("scopes", one.scopes.join(" "))
            .field("group claim", &one.group_claim)
            .field("creates users", one.creates_users)
            .field("listed", one.listed)
            .field("groups", rules.join(" "))
            .field("version", one.version)
    })
}
