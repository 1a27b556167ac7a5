//! Where the key comes from that wraps the tenants' data keys: a file, a variable of the environment,
//! or a key management service. The key itself is never printed, logged or given on a command line.

mod service;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use store::vault::{KEK_FILE, KeyEncryption, KeyError, file_key, text_key};
use zeroize::Zeroizing;

pub(crate) use service::{Service, TOKEN_VARIABLE};

/// Which key seals personal data and secrets.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct KekArgs {
    /// Key that seals personal data and secrets: `file:PATH`, `env:NAME`, or the address of a key
    /// management service [default: `vault.kek` in the data folder, made at the first start]
    #[arg(long, value_name = "SOURCE")]
    pub(crate) kek: Option<KekSource>,
    /// Certificates (PEM) of the only authorities that the service's certificate may come from
    #[arg(long, value_name = "FILE", requires = "kek")]
    pub(crate) kek_ca: Option<PathBuf>,
}

/// A place that a key-encryption key is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KekSource {
    /// 32 bytes in hexadecimal digits or base64, for its owner only; made when missing.
    File(PathBuf),
    /// The name of a variable with the same.
    Variable(String),
    /// The base address of a service.
    Service(String),
}

impl FromStr for KekSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Variable(name.to_owned())),
            Some(("http" | "https", _)) => Ok(Self::Service(text.to_owned())),
            _ => Err("write `file:PATH`, `env:NAME` or an `https://` address".to_owned()),
        }
    }
}

impl fmt::Display for KekSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::Service(address) => f.write_str(address),
        }
    }
}

impl KekArgs {
    /// The key for the vault of a data folder. Only a file is made, and only for an empty vault.
    ///
    /// # Errors
    /// [`KeyError::Unusable`], saying what to do.
    pub(crate) fn open(&self, data: &Path) -> Result<Box<dyn KeyEncryption>, KeyError> {
        match &self.kek {
            None => Ok(Box::new(file_key(&data.join(KEK_FILE), data)?)),
            Some(KekSource::File(path)) => Ok(Box::new(file_key(path, data)?)),
            Some(KekSource::Variable(name)) => {
                let place = format!("variable `{name}`");
                let text = std::env::var(name).map(Zeroizing::new).map_err(|_| {
                    let reason = "is not set: set it, or name another with `--kek`".to_owned();
                    KeyError::Unusable { place: place.clone(), reason }
                })?;
                Ok(Box::new(text_key(&text, &place)?))
            }
            Some(KekSource::Service(address)) => {
                let token = std::env::var(TOKEN_VARIABLE).ok().map(Zeroizing::new);
                Ok(Box::new(Service::new(address, self.kek_ca.as_deref(), token)?))
            }
        }
    }
}

#[cfg(test)]
mod tests;
