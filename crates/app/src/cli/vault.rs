//! `vault`: what lies sealed beside the log, and another key for it. Works on a folder, not through the
//! API: whoever may do this holds the key. It never shows what is sealed.

use std::path::PathBuf;

use serde_json::json;
use store::vault::{Vault, VaultError, rotate_folder};

use super::{
    exit::Exit,
    failure::Failure,
    session::{Session, data_dir},
};
use crate::{
    kek::{KekArgs, KekSource},
    output::{
        say,
        table::{Table, left, right},
    },
};

/// Sealed personal data and secrets of a data folder
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde vault status --data /srv/cocarde
  cocarde vault rotate --data /srv/cocarde --kek file:/media/key/old --to file:/media/key/new")]
pub(crate) enum Verb {
    /// Count what it holds; with `--kek`, also open every tenant's key
    #[command(after_help = "Examples:
  cocarde vault status
  cocarde vault status --data /srv/cocarde --kek https://kms.example.fr/keys --kek-ca ca.pem -o json")]
    Status {
        /// Data folder [default: $COCARDE_DATA or ~/.local/share/cocarde]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(flatten)]
        kek: KekArgs,
    },
    /// Wrap every tenant's key with another key; the platform must be stopped
    #[command(after_help = "Examples:
  cocarde vault rotate --to file:/media/key/new
  cocarde vault rotate --kek env:OLD_KEY --to https://kms.example.fr/keys --to-ca ca.pem

Backups made before stay under the former key: destroying it makes them unreadable.")]
    Rotate {
        /// Data folder [default: $COCARDE_DATA or ~/.local/share/cocarde]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(flatten)]
        kek: KekArgs,
        /// The new key: `file:PATH`, `env:NAME` or the address of a service
        #[arg(long, value_name = "SOURCE")]
        to: KekSource,
        /// Certificates (PEM) of the only authorities for the new key's service
        #[arg(long, value_name = "FILE")]
        to_ca: Option<PathBuf>,
    },
}

/// Looks at the vault or changes its key.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Status { data, kek } => status(data, &kek, session),
        Verb::Rotate { data, kek, to, to_ca } => {
            let data = data_dir(data)?;
            require_vault(&data)?;
            let next = KekArgs { kek: Some(to), kek_ca: to_ca };
            let failed = |error: store::vault::KeyError| refused(&error.to_string());
            // A new file is made for whatever folder is given: the vault itself holds data.
            let next = next.open(&data.join("no-vault-here")).map_err(failed)?;
            let keys = rotate_folder(&data, kek.open(&data).map_err(failed)?, next);
            let keys = keys.map_err(|error| refused(&error.to_string()))?;
            say(&format!(
                "{keys} keys are wrapped anew: keep the former key as long as you want to read older backups"
            ));
            Ok(())
        }
    }
}

fn status(data: Option<PathBuf>, kek: &KekArgs, session: &Session) -> Result<(), Failure> {
    let data = data_dir(data)?;
    let summary = require_vault(&data)?;
    let opened = match kek.kek {
        None => None,
        Some(_) => {
            let key = kek.open(&data).map_err(|error| refused(&error.to_string()))?;
            let vault = Vault::open(&data, key).map_err(|error| of_vault(&error))?;
            Some(vault.check_keys().map_err(|error| of_vault(&error))?)
        }
    };
    let answer = json!({
        "tenants": summary.tenants, "records": summary.records, "destroyed": summary.destroyed,
        "key_ids": summary.key_ids, "keys_opened": opened,
    });
    session.output.show(&answer, || {
        let mut table = Table::new(&[left("WHAT"), right("COUNT")]);
        table.row(["tenants with a key".to_owned(), summary.tenants.to_string()]);
        table.row(["records".to_owned(), summary.records.to_string()]);
        table.row(["destroyed tenants".to_owned(), summary.destroyed.to_string()]);
        for id in &summary.key_ids {
            table.row([format!("wrapped by {id}"), String::new()]);
        }
        if let Some(opened) = opened {
            table.row(["keys opened with it".to_owned(), opened.to_string()]);
        }
        table
    })
}

fn require_vault(data: &std::path::Path) -> Result<store::vault::Summary, Failure> {
    Vault::inspect(data).map_err(|error| of_vault(&error))?.ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("`{}` has no vault", data.display()))
            .remedy("name a data folder with `--data DIR`; its first `cocarde up` makes one")
    })
}

fn of_vault(error: &VaultError) -> Failure {
    refused(&error.to_string())
}

fn refused(text: &str) -> Failure {
    Failure::new(Exit::Failed, text)
}
