//! From the words of a line to a kernel command about the capture of payloads.

use kernel::{
    Command, State, dataset,
    project::{self, Capture},
};
use units::{Bytes, Name};

use super::{args::Args, build::digest_of, leaving::dataset_of, names};

/// The command of a line: `capture ORG/PROJECT NAME permille=50 keep=30`, `capture ORG/PROJECT off`,
/// `captured-version ORG/PROJECT NAME content=WORD`, whose oldest text is of now.
pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let id = names::project(state, &args.word::<String>("organisation/project")?)?;
    let name: Name = args.word("a dataset or `off`")?;
    if verb == "capture" && name.as_str() == "off" {
        return Ok(Command::Project(project::Command::StopCapture { id }));
    }
    let dataset = dataset_of(state, id, &name)?;
    if verb == "capture" {
        let capture = Capture { dataset, permille: args.option("permille", 1_000)? };
        let keep_days = args.option("keep", 30)?;
        return Ok(Command::Project(project::Command::SetCapture { id, capture, keep_days }));
    }
    let version = dataset::NewVersion {
        id: dataset,
        manifest: digest_of(&args.option("content", "captured".to_owned())?),
        files: 1,
        size: Bytes(1_000),
        source: "captured by the gateway".to_owned(),
    };
    Ok(Command::Dataset(dataset::Command::AddCaptured { version, since: state.last_at }))
}
