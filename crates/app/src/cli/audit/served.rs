//! A log over HTTP, as an auditor reads it. Nothing that comes from here is believed.

use std::io::Read as _;

use api::{
    client::{Client, ClientError},
    endpoint::{Endpoint, Nothing},
    nouns::{
        finality::LogFinalGet,
        proof::{LogCheckpointGet, LogTileGet, TilePath},
    },
    problem::Code,
};
use store::audit::{CHECKPOINT_PATH, FINAL_PATH, LogSource, SourceError, TILE_BYTES_MAX};

/// A platform's `/log`.
#[derive(Debug)]
pub(crate) struct Served {
    client: Client,
}

impl Served {
    /// The log of the platform that the client talks to.
    pub(crate) const fn new(client: Client) -> Self {
        Self { client }
    }

    fn fetch<E>(&self, path: &E::Path) -> Result<Option<Vec<u8>>, String>
    where
        E: Endpoint<Body = Nothing, Query = Nothing>,
    {
        let reader = match self.client.stream::<E>(path, &Nothing {}) {
            Ok(reader) => reader,
            Err(ClientError::Problem(problem)) if problem.code() == Some(Code::NotFound) => {
                return Ok(None);
            }
            Err(error) => return Err(error.to_string()),
        };
        let mut bytes = Vec::new();
        let read = reader.take(TILE_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| error.to_string())?;
        Ok(Some(bytes))
    }
}

impl LogSource for Served {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let fetched = match path {
            CHECKPOINT_PATH => self.fetch::<LogCheckpointGet>(&Nothing {}),
            FINAL_PATH => self.fetch::<LogFinalGet>(&Nothing {}),
            tile => {
                let path = tile.strip_prefix("tile/").unwrap_or(tile).to_owned();
                self.fetch::<LogTileGet>(&TilePath { path })
            }
        };
        fetched.map_err(|reason| SourceError { path: path.to_owned(), reason })
    }
}
