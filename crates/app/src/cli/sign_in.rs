//! Signing in as a person, signing out, and who one is. A password is typed without being shown and is
//! never an argument, where other users of the machine could read it.

use std::time::Duration;

use api::{
    client::{Client, Options},
    endpoint::Nothing,
    nouns::{
        key::Whoami,
        session::{SessionCreate, SessionEnd, SessionNew, SessionPath},
        sign_in::{DeviceAsked, DeviceNew, SignInDeviceCreate, SignInDevicePoll},
    },
    problem::Code,
};
use units::Name;

use super::{exit::Exit, failure::Failure, key, login, session::Session};
use crate::{
    config::{self, Config},
    output::say,
};

/// What the secret of a session starts with; anything else that is remembered is a key.
const SESSION_PREFIX: &str = "ccs_";
/// Longest pause between two questions, whatever the platform says.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// End the session that is remembered, and forget it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde logout
  cocarde logout work")]
pub(crate) struct LogoutArgs {
    /// Name given at `login`; the one in use if absent
    name: Option<Name>,
}

/// Say who you are on the platform in use
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde whoami
  cocarde whoami -o json")]
pub(crate) struct WhoamiArgs {}

/// Signs in with a name and a password; answers the session's secret.
pub(crate) fn by_password(
    client: &Client,
    user: &str,
    organisation: Option<&Name>,
) -> Result<String, Failure> {
    let password = login::read_hidden("password")?;
    let new = SessionNew { user: user.to_owned(), password, organisation: organisation.cloned() };
    let begun = client.call::<SessionCreate>(&Nothing {}, &Nothing {}, &new, &Options::default());
    Ok(begun?.secret)
}

/// Signs in at an identity provider, on whatever device has a browser; answers the session's secret.
pub(crate) fn at_provider(client: &Client, provider: &str) -> Result<String, Failure> {
    let new = DeviceNew { provider: provider.to_owned() };
    let options = Options::default();
    let begun = client.call::<SignInDeviceCreate>(&Nothing {}, &Nothing {}, &new, &options)?;
    match &begun.verification_uri_complete {
        Some(uri) => {
            say(&format!("open {uri}\nand check that it shows the code {}", begun.user_code))
        }
        None => {
            say(&format!("open {}\nand type the code {}", begun.verification_uri, begun.user_code))
        }
    }
    say(&format!("waiting for at most {} minutes", begun.expires_in_s.div_ceil(60)));
    let mut pause = Duration::from_secs(begun.interval_s.max(1));
    let asked = DeviceAsked { handle: begun.handle };
    let mut waited = Duration::ZERO;
    while waited.as_secs() < begun.expires_in_s {
        std::thread::sleep(pause.min(PAUSE_MAX));
        waited = waited.saturating_add(pause);
        let state = client.call::<SignInDevicePoll>(&Nothing {}, &Nothing {}, &asked, &options)?;
        if let Some(begun) = state.begun {
            return Ok(begun.secret);
        }
        pause = Duration::from_secs(state.ask_again_in_s.unwrap_or(begun.interval_s).max(1));
    }
    Err(Failure::new(Exit::Refused, "nobody has signed in in time")
        .remedy("run the command again, and open the address at once"))
}

/// Ends the remembered session on the platform, then forgets what was remembered.
pub(crate) fn logout(args: &LogoutArgs) -> Result<(), Failure> {
    let path = config::path()?;
    let mut config = Config::load(&path)?;
    let name = args.name.as_ref().map(ToString::to_string).or_else(|| config.current.clone());
    let name = name.ok_or_else(|| {
        Failure::usage("no platform is in use").remedy("name one: `cocarde logout NAME`")
    })?;
    let Some(context) = config.contexts.get_mut(&name) else {
        return Err(Failure::not_found(format!("no platform is remembered as `{name}`"))
            .remedy("list what is remembered with `cocarde login`"));
    };
    let token = context.token.take();
    let (server, is_session) =
        (context.server.clone(), token.as_deref().is_some_and(|t| t.starts_with(SESSION_PREFIX)));
    // Forgotten first: whatever the platform answers, this machine does not keep it.
    config.save(&path)?;
    if !is_session {
        say(&format!(
            "forgot the key of `{name}`; it still works: revoke it with `cocarde key revoke`"
        ));
        return Ok(());
    }
    let client = Client::new(&server, token.as_deref())?;
    let current = SessionPath { id: "current".to_owned() };
    let nothing = Nothing {};
    match client.call::<SessionEnd>(&current, &nothing, &nothing, &Options::default()) {
        Ok(_) => say(&format!("signed out of {server}")),
        Err(error) => {
            let failure = Failure::from(error);
            if failure.slug.as_deref() != Some(Code::Unauthenticated.slug()) {
                return Err(failure.remedy("it is forgotten here, but may still be open there"));
            }
            say(&format!("the session at {server} was over already"));
        }
    }
    Ok(())
}

/// Who the caller is.
pub(crate) fn whoami(session: &Session) -> Result<(), Failure> {
    let who = session.read::<Whoami>(&Nothing {})?;
    session.output.show(&who, || key::who(&who))
}
