//! What can go wrong in a call, told apart by what the user can do about it.

use std::io;

use crate::problem::{Code, Problem};

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address of the platform is not one.
    #[error("`{text}` is not an address: write for example `http://127.0.0.1:7070`")]
    BaseUrl {
        /// The text given.
        text: String,
    },
    /// A parameter cannot be sent, such as a key with a line break.
    #[error("the request cannot be sent: {message}")]
    BadRequest {
        /// The cause.
        message: String,
    },
    /// Nobody listens there.
    #[error("nothing listens at {url}: is `cocarde up` running?")]
    Refused {
        /// The platform's address.
        url: String,
    },
    /// The machine cannot be reached, or the connection broke.
    #[error("cannot reach {url}: {message}")]
    Unreachable {
        /// The platform's address.
        url: String,
        /// The cause.
        message: String,
    },
    /// No answer in time; whether the command was done is unknown.
    #[error("no answer from {url} in time: repeat it with the same idempotency key")]
    Timeout {
        /// The platform's address.
        url: String,
    },
    /// The platform refused and said why.
    #[error("{}", problem_text(.0))]
    Problem(Box<Problem>),
    /// What answered does not speak this API.
    #[error("the answer (status {status}) is not understood: {message}")]
    InvalidAnswer {
        /// HTTP status.
        status: u16,
        /// What came.
        message: String,
    },
}

fn problem_text(problem: &Problem) -> String {
    let mut text = format!("{}: {}", problem.title, problem.detail);
    for error in problem.errors.iter().filter(|error| !problem.detail.contains(&error.message)) {
        text.push_str(&format!("\n  {}: {}", error.pointer, error.message));
    }
    if let Some(remedy) = &problem.remedy {
        text.push_str(&format!("\n  remedy: {remedy}"));
    }
    text
}

impl ClientError {
    /// The code, if the platform refused with one that this client knows.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Problem(problem) => problem.code(),
            Self::BaseUrl { .. }
            | Self::BadRequest { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::InvalidAnswer { .. } => None,
        }
    }

    /// From the HTTP library's error.
    pub(super) fn of(url: &str, error: ureq::Error) -> Self {
        let url = url.to_owned();
        match error {
            ureq::Error::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                Self::Refused { url }
            }
            ureq::Error::ConnectionFailed => Self::Refused { url },
            ureq::Error::Timeout(_) => Self::Timeout { url },
            ureq::Error::Http(e) => Self::BadRequest { message: e.to_string() },
            other => Self::Unreachable { url, message: other.to_string() },
        }
    }
}
