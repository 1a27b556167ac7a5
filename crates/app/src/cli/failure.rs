//! Why a command did not do what was asked: one shape for every cause, printed in one way.
//!
//! `error:` says what happened, `field:` where, `remedy:` what to do, `see:` where to read on.

use std::{fmt, io, path::Path};

use api::{
    client::ClientError,
    job_file::JobFileError,
    problem::{Code, FieldError, Problem},
};
use lm::LmError;
use serde_json::{Value, json};

use super::exit::Exit;

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What happened; lower case, no full stop.
    pub(crate) message: String,
    /// Which fields are wrong.
    pub(crate) fields: Vec<FieldError>,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
    /// The code of a problem, which has a page in `docs/problems/`.
    pub(crate) slug: Option<String>,
    /// The platform's own document, for `-o json`.
    pub(crate) problem: Option<Box<Problem>>,
    /// True if there is nothing to say: the reader of our output has gone.
    pub(crate) silent: bool,
}

impl Failure {
    /// A failure with a message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            fields: Vec::new(),
            remedy: None,
            slug: None,
            problem: None,
            silent: false,
        }
    }

    /// The command line is not understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// It does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { slug: Some(Code::NotFound.slug().to_owned()), ..Self::new(Exit::NotFound, message) }
    }

    /// An input file is not valid.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::InvalidInput, message)
    }

    /// A file or folder of this machine cannot be used.
    pub(crate) fn file(action: &str, path: &Path, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::PermissionDenied => Exit::Refused,
            _ => Exit::Failed,
        };
        Self::new(exit, format!("cannot {action} `{}`: {error}", path.display()))
    }

    /// The same with what to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The text for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}\n", self.message.replace('\n', "\n  "));
        for field in &self.fields {
            let pointer = if field.pointer.is_empty() { "/" } else { &field.pointer };
            text.push_str(&format!("  field: {pointer}: {}\n", field.message));
        }
        if let Some(remedy) = &self.remedy {
            text.push_str(&format!("  remedy: {remedy}\n"));
        }
        if let Some(slug) = &self.slug {
            text.push_str(&format!("  see: docs/problems/{slug}\n"));
        }
        text
    }

    /// The same as a problem document, on one line.
    pub(crate) fn json(&self) -> Value {
        let mut value = match &self.problem {
            Some(problem) => serde_json::to_value(problem).unwrap_or_default(),
            None => {
                let slug = self.slug.clone();
                let uri = slug.as_ref().map_or_else(
                    || "about:blank".to_owned(),
                    |slug| format!("{}{slug}", api::problem::TYPE_BASE),
                );
                json!({
                    "type": uri, "title": self.exit.meaning(), "detail": self.message,
                    "code": slug, "errors": self.fields, "remedy": self.remedy,
                })
            }
        };
        value["exit_code"] = json!(self.exit.code());
        value
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = problem.code().map_or_else(|| Exit::of_status(problem.status), Exit::of);
        Self {
            exit,
            message: format!("{}: {}", problem.title, problem.detail),
            fields: problem.errors.clone(),
            remedy: problem.remedy.clone(),
            slug: Some(problem.code.clone()),
            problem: Some(Box::new(problem)),
            silent: false,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Problem(problem) => Self::from(*problem),
            ClientError::BaseUrl { .. } | ClientError::BadRequest { .. } => Self::usage(message),
            ClientError::Refused { .. } => Self::new(Exit::Unreachable, message)
                .remedy("start it with `cocarde up`, or choose another with `--server URL`"),
            ClientError::Unreachable { .. } => Self::new(Exit::Unreachable, message)
                .remedy("check the address and the network with `cocarde doctor`"),
            ClientError::Timeout { .. } => Self::new(Exit::Unreachable, message),
            ClientError::InvalidAnswer { .. } => Self::new(Exit::Unreachable, message)
                .remedy("check that the address is that of a Cocarde platform of this version"),
        }
    }
}

impl From<JobFileError> for Failure {
    fn from(error: JobFileError) -> Self {
        let slug = Some(error.code.slug().to_owned());
        let message = error.to_string();
        Self { slug, fields: vec![error.field], ..Self::invalid(message) }
    }
}

impl From<LmError> for Failure {
    fn from(error: LmError) -> Self {
        let exit = match &error {
            LmError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Exit::NotFound
            }
            LmError::Io { .. } | LmError::Diverged { .. } | LmError::Server(_) => Exit::Failed,
            LmError::Setting { .. } => Exit::Usage,
            LmError::ForeignCheckpoint { .. } => Exit::Conflict,
            LmError::Format { .. }
            | LmError::TensorMissing { .. }
            | LmError::TensorShape { .. }
            | LmError::TensorType { .. }
            | LmError::Unsupported { .. }
            | LmError::Tokenizer(_) => Exit::InvalidInput,
        };
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            message.push_str(&format!(": {source}"));
        }
        Self::new(exit, message)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => match error.downcast::<ClientError>() {
                Ok(error) => Self::from(error),
                Err(error) => Self::new(Exit::Failed, format!("{error:#}")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_refusal_of_the_platform_is_shown_with_field_remedy_and_page() {
        let problem = Problem::new(Code::ForbiddenByPolicy, "site `paris` is not allowed")
            .with_errors(vec![FieldError::new("/residency", "class `restricted` stays in FR")])
            .with_remedy("choose a site in FR");
        let failure = Failure::from(ClientError::Problem(Box::new(problem)));
        assert_eq!(failure.exit, Exit::Refused);
        expect![[r#"
            error: a policy refuses this: site `paris` is not allowed
              field: /residency: class `restricted` stays in FR
              remedy: choose a site in FR
              see: docs/problems/forbidden-by-policy
        "#]]
        .assert_eq(&failure.text());
        let json = failure.json();
        assert_eq!((&json["code"], &json["exit_code"]), (&json!("forbidden-by-policy"), &json!(4)));
    }

    #[test]
    fn a_failure_survives_anyhow() {
        let failure = Failure::not_found("no dataset `a`");
        assert_eq!(Failure::from(anyhow::Error::from(failure.clone())), failure);
        let other = Failure::from(anyhow::anyhow!("inner").context("outer"));
        assert_eq!((other.exit, other.message.as_str()), (Exit::Failed, "outer: inner"));
    }

    #[test]
    fn a_local_failure_is_a_problem_document_too() {
        let json = Failure::usage("no").remedy("yes").json();
        assert_eq!((&json["type"], &json["remedy"]), (&json!("about:blank"), &json!("yes")));
    }
}
