//! `bench carbon`: what waiting for low carbon saves over a year, against two studies.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use sim::anchor::{
    self,
    carbon::{awhile, gaia, read_series, report},
};

use super::anchor::show;
use crate::cli::{exit::Exit, failure::Failure, interrupt, session::Session};

/// The first study's list of Germany, and its jobs; `fixtures/carbon` says where they are from.
const GERMANY: &str = include_str!("../../../../../fixtures/carbon/de-2020.csv");
const JOBS: &str = include_str!("../../../../../fixtures/carbon/awhile-jobs.csv");
/// Where GAIA's lists are public.
const GAIA: &str = "GAIA's lists are public at https://github.com/umassos/GAIA, `src/cluster_traces`; \
                    write hours in the columns `arrival_h`, `length_h`, `cpus`";

/// What waiting for low carbon saves over a year (Middleware 2021, ASPLOS 2024)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench carbon
  cocarde bench carbon --series 'Britain 2020=gb_ci.csv' --jobs pai-100k.csv.gz
  cocarde bench carbon --traces DIR -o json

Built in are the list of Germany 2020 and the jobs of \"Let's Wait Awhile\", and invented years that are
labelled as simulated. The study's other lists are public at
https://github.com/dos-group/lets-wait-awhile, GAIA's jobs at https://github.com/umassos/GAIA,
`src/cluster_traces`; they are read with the columns `arrival_h`, `length_h`, `cpus`.")]
pub(crate) struct CarbonArgs {
    /// Folder in which every `.csv` or `.csv.gz` is one of GAIA's lists of jobs
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Intensities in grams per kWh of another region; may be repeated
    #[arg(long, value_name = "NAME=FILE")]
    series: Vec<Named>,
    /// One of GAIA's lists of jobs, packed with gzip or not; may be repeated
    #[arg(long, value_name = "FILE")]
    jobs: Vec<PathBuf>,
}

/// A file with a name.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    file: PathBuf,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
        let (name, file) = parts
            .ok_or_else(|| format!("`{text}` is no NAME=FILE: write `Britain 2020=gb_ci.csv`"))?;
        Ok(Self { name: name.to_owned(), file: file.into() })
    }
}

/// Runs the verb.
pub(super) fn run(args: &CarbonArgs, session: &Session) -> Result<Exit, Failure> {
    interrupt::exit_on_interrupt();
    let built_in =
        |error| Failure::new(Exit::Internal, format!("a built-in list is wrong: {error}"));
    let germany = read_series(GERMANY, None).map_err(built_in)?;
    let mut regions = vec![("Germany 2020".to_owned(), germany)];
    for Named { name, file } in &args.series {
        let series = read_series(&text(file)?, None);
        regions.push((name.clone(), series.map_err(|error| invalid(file, &error))?));
    }
    regions.extend(report::invented().map_err(built_in)?);
    let jobs = awhile::read_jobs(JOBS, "2020-01-01").map_err(built_in)?;
    let mut tables =
        report::awhile(&regions, &jobs).map_err(|error| Failure::invalid(error.to_string()))?;
    for file in lists(args)? {
        let jobs = gaia::read_jobs(&text(&file)?);
        let jobs = jobs.map_err(|error| invalid(&file, &error).remedy(GAIA))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let table = report::gaia(&regions, &jobs, &name);
        tables.push_str(&table.map_err(|error| invalid(&file, &error))?);
    }
    show(session, &tables)
}

/// The lists named, and those of the folder in order of their names.
fn lists(args: &CarbonArgs) -> Result<Vec<PathBuf>, Failure> {
    let mut files = args.jobs.clone();
    let Some(folder) = &args.traces else { return Ok(files) };
    let unreadable = |error| Failure::file("read the folder", folder, &error).remedy(GAIA);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".csv") || name.ends_with(".csv.gz") {
            found.push(file);
        }
    }
    found.sort();
    if found.is_empty() {
        let message =
            format!("`{}` has no list of jobs `*.csv` and no `*.csv.gz`", folder.display());
        return Err(Failure::new(Exit::NotFound, message).remedy(GAIA));
    }
    files.extend(found);
    Ok(files)
}

/// The text of a file, unpacked if its name ends in `.gz`.
fn text(path: &Path) -> Result<String, Failure> {
    anchor::text::read(path).map_err(|error| Failure::file("read", path, &error))
}

fn invalid(path: &Path, error: &impl ToString) -> Failure {
    Failure::invalid(format!("{}: {}", path.display(), error.to_string()))
}
