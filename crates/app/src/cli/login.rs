//! `login` and `use`: remember a platform with its key, and choose among them.
//!
//! A token is read from standard input unless given, so that it need not appear in a shell history.

use std::io::{BufRead as _, IsTerminal as _};

use api::{client::Client, endpoint::Nothing, nouns::key::Whoami};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::Serialize;
use units::Name;

use super::{exit::Exit, failure::Failure, session::Session, sign_in};
use crate::{
    config::{self, CONTEXTS_MAX, Config, Context},
    output::{
        human, say,
        table::{Table, left},
    },
};

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Remember a platform and its key; without an address, list what is remembered
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde login http://127.0.0.1:7711 --token cck_…
  cocarde login https://compute.example.fr --name work < token.txt
  cocarde login https://compute.example.fr --user ada@example.fr --organisation acme
  cocarde login https://compute.example.fr --issuer https://sso.example.fr
  cocarde login                        # what is remembered; no key is shown")]
pub(crate) struct LoginArgs {
    /// Address of the platform
    url: Option<String>,
    /// Name to remember it by [default: the host]
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,
    /// Sign in with this name and a password, which is asked for and not shown
    #[arg(long, value_name = "NAME", conflicts_with_all = ["issuer", "no_check"])]
    user: Option<String>,
    /// Organisation that the account belongs to; none for those who run the platform
    #[arg(long, value_name = "NAME", requires = "user")]
    organisation: Option<Name>,
    /// Sign in at this identity provider, by its address or name, with a browser on any device
    #[arg(long, value_name = "URL|NAME", conflicts_with = "no_check")]
    issuer: Option<String>,
    /// Do not ask the platform whether it knows the key
    #[arg(long)]
    no_check: bool,
}

/// Choose a remembered platform, or the project that commands are about
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde use work
  cocarde use --project orange/nlp
  cocarde use work --project orange/nlp")]
pub(crate) struct UseArgs {
    /// Name given at `login`; the one in use if absent
    name: Option<Name>,
}

/// A context as it is shown: never with its token.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    current: bool,
    server: &'a str,
    has_token: bool,
    project: Option<&'a str>,
}

/// Remembers a platform, or lists what is remembered.
pub(crate) fn login(args: LoginArgs, session: &Session) -> Result<(), Failure> {
    let path = config::path()?;
    let mut config = Config::load(&path)?;
    let Some(url) = args.url else { return list(&config, session) };
    let token = match (&args.user, &args.issuer, session.global.token.as_deref()) {
        (Some(user), _, _) => {
            sign_in::by_password(&Client::new(&url, None)?, user, args.organisation.as_ref())?
        }
        (None, Some(issuer), _) => sign_in::at_provider(&Client::new(&url, None)?, issuer)?,
        (None, None, None | Some("-")) => read_hidden("token")?,
        (None, None, Some(token)) => token.to_owned(),
    };
    let client = Client::new(&url, Some(&token))?;
    let server = client.base_url().to_owned();
    let name = args.name.map_or_else(|| host(&server), |name| name.to_string());
    if !args.no_check {
        let who = client.get::<Whoami>(&Nothing {}, &Nothing {}).map_err(|error| {
            let failure = Failure::from(error);
            let remedy = "give the key that `cocarde up` printed, or start the platform; \
                          `--no-check` remembers it unasked";
            if failure.remedy.is_none() { failure.remedy(remedy) } else { failure }
        })?;
        say(&format!("{server} knows {}", who.in_words()));
    }
    if config.contexts.len() >= CONTEXTS_MAX && !config.contexts.contains_key(&name) {
        let message = format!("{CONTEXTS_MAX} platforms are remembered already");
        return Err(Failure::new(Exit::Refused, message)
            .remedy(format!("remove some from `{}`", path.display())));
    }
    let before = config.contexts.get(&name).filter(|context| context.server == server);
    let chosen = session.global.project.as_ref().map(ToString::to_string);
    let project = chosen.or_else(|| before.and_then(|context| context.project.clone()));
    config.contexts.insert(name.clone(), Context { server, token: Some(token), project });
    config.current = Some(name.clone());
    config.save(&path)?;
    say(&format!("remembered as `{name}` in {}; in use from now on", path.display()));
    Ok(())
}

/// Chooses a platform or a project.
pub(crate) fn choose(args: &UseArgs, session: &Session) -> Result<(), Failure> {
    let path = config::path()?;
    let mut config = Config::load(&path)?;
    if args.name.is_none() && session.global.project.is_none() {
        return list(&config, session);
    }
    let name = match (&args.name, &config.current) {
        (Some(name), _) => name.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => {
            return Err(Failure::usage("no platform is in use")
                .remedy("name one: `cocarde login URL` first"));
        }
    };
    let known: Vec<String> = config.contexts.keys().cloned().collect();
    let Some(context) = config.contexts.get_mut(&name) else {
        let near = api::decode::nearest(&name, &known);
        let remedy = near.map_or_else(
            || "list what is remembered with `cocarde login`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Failure::new(Exit::NotFound, format!("no platform is remembered as `{name}`"))
            .remedy(remedy));
    };
    if let Some(project) = &session.global.project {
        context.project = Some(project.to_string());
    }
    let project = context.project.clone().unwrap_or_else(|| "no project".to_owned());
    say(&format!("using `{name}`: {}, {project}", context.server));
    config.current = Some(name);
    config.save(&path)
}

fn list(config: &Config, session: &Session) -> Result<(), Failure> {
    let shown = config.contexts.iter().map(|(name, context)| Shown {
        name,
        current: config.current.as_ref() == Some(name),
        server: &context.server,
        has_token: context.token.is_some(),
        project: context.project.as_deref(),
    });
    let shown: Vec<Shown<'_>> = shown.collect();
    session.output.show(&serde_json::json!({ "items": shown }), || {
        let mut table = Table::new(&[left(""), left("NAME"), left("SERVER"), left("PROJECT")]);
        for one in &shown {
            let mark = if one.current { "*" } else { "" };
            let project = human::or_dash(one.project);
            table.row([mark.to_owned(), one.name.to_owned(), one.server.to_owned(), project]);
        }
        table
    })
}

/// The host as a name: `compute.example.fr`, `127.0.0.1`.
fn host(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or(rest).to_lowercase();
    host.parse::<Name>().map_or_else(|_| "default".to_owned(), |name| name.to_string())
}

/// One line of standard input, unseen if it is typed.
pub(crate) fn read_hidden(what: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let hidden = stdin.is_terminal().then(|| tcgetattr(&stdin).ok()).flatten();
    if let Some(usual) = &hidden {
        say(&format!("{what} (it is not shown):"));
        let mut silent = usual.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        // If echo cannot be switched off, the token can still be typed.
        let _ = tcsetattr(&stdin, OptionalActions::Now, &silent);
    }
    let mut line = String::new();
    let read = std::io::Read::take(stdin.lock(), TOKEN_BYTES_MAX as u64).read_line(&mut line);
    if let Some(usual) = &hidden {
        // The shell sets its own terminal modes again anyway.
        let _ = tcsetattr(&stdin, OptionalActions::Now, usual);
    }
    read.map_err(|error| Failure::usage(format!("no {what} can be read: {error}")))?;
    // A password may begin or end with a space; a line's end is none of it.
    let given = line.trim_end_matches(['\r', '\n']);
    if given.trim().is_empty() {
        return Err(Failure::usage(format!("no {what} was given"))
            .remedy(format!("type the {what}, or write it to standard input")));
    }
    Ok(if what.ends_with("password") { given.to_owned() } else { given.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_named_after_its_host() {
        for (server, name) in [
            ("http://127.0.0.1:7711", "127.0.0.1"),
            ("https://Compute.example.fr/x", "compute.example.fr"),
            ("http://[::1]:7711", "default"),
        ] {
            assert_eq!(host(server), name);
        }
    }
}
