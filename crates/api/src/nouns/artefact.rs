//! Content by digest: blobs and manifests, on which datasets and models rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, Digest};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    problem::Code,
    text::DigestText,
};

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Relative path with `/`; no `..`, no empty part.
    pub path: String,
    /// Its content.
    #[schemars(with = "DigestText")]
    pub digest: Digest,
    /// Its size.
    #[schemars(with = "u64")]
    pub size_bytes: Bytes,
}

/// The files of a version; its digest names all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// By ascending path, at most 100,000.
    pub files: Vec<ManifestFile>,
}

/// A manifest that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestStored {
    /// Its digest: pass it when adding a version.
    #[schemars(with = "DigestText")]
    pub digest: Digest,
    /// Files in it.
    pub n_files: u64,
    /// Their sizes together.
    #[schemars(with = "u64")]
    pub size_bytes: Bytes,
}

/// A blob that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlobStored {
    /// Its digest.
    #[schemars(with = "DigestText")]
    pub digest: Digest,
    /// Its size.
    #[schemars(with = "u64")]
    pub size_bytes: Bytes,
}

/// The digest in a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestPath {
    /// `sha256:` and 64 hexadecimal digits.
    #[schemars(with = "DigestText")]
    pub digest: Digest,
}

/// `PUT /api/v1/blobs/{digest}`: store a blob.
#[derive(Debug)]
pub struct BlobPut;

impl Endpoint for BlobPut {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/blobs/{digest}";
    const ID: &'static str = "blob_put";
    const SUMMARY: &'static str = "Store a blob";
    const DESCRIPTION: &'static str =
        "Streamed to disk and hashed on the way. Storing what is there already changes nothing.";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::DigestMismatch];
    const MUTATES: bool = false;
    const REQUEST: Content = Content::Octets;
    type Path = DigestPath;
    type Query = Nothing;
    type Body = Raw;
    type Response = BlobStored;
}

/// `GET /api/v1/blobs/{digest}`: get a blob.
#[derive(Debug)]
pub struct BlobGet;

impl Endpoint for BlobGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/blobs/{digest}";
    const ID: &'static str = "blob_get";
    const SUMMARY: &'static str = "Get a blob";
    const DESCRIPTION: &'static str = "HEAD tells whether it is stored.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const RESPONSE: Content = Content::Octets;
    type Path = DigestPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `POST /api/v1/manifests`: store a manifest.
#[derive(Debug)]
pub struct ManifestCreate;

impl Endpoint for ManifestCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/manifests";
    const ID: &'static str = "manifest_create";
    const SUMMARY: &'static str = "Store a manifest";
    const DESCRIPTION: &'static str =
        "Every blob that it names must be stored. The same files give the same digest.";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::BlobMissing];
    const STATUS: u16 = 201;
    const MUTATES: bool = false;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Manifest;
    type Response = ManifestStored;
}

/// `GET /api/v1/manifests/{digest}`: get a manifest.
#[derive(Debug)]
pub struct ManifestGet;

impl Endpoint for ManifestGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/manifests/{digest}";
    const ID: &'static str = "manifest_get";
    const SUMMARY: &'static str = "Get a manifest";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = DigestPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Manifest;
}
