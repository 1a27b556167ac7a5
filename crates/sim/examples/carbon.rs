//! Prints what carbon-aware starts save over a year, as Markdown, beside the published figures.
//!
//!     cargo run --release -p sim --example carbon -- [--series NAME=FILE]... [--jobs FILE]...
//!
//! Without options it uses the fixtures: Germany 2020 and the jobs of "Let's Wait Awhile". `--series`
//! adds half-hourly intensities from a CSV file (grams per kWh), for example the study's own lists of
//! Britain and France. `--jobs` adds GAIA's lists of jobs (`arrival_h,length_h,cpus`, also as .gz).
//! It must never print a figure for an invented region without the word simulated.

#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sched::carbon::Series;
use sim::anchor::carbon::awhile::{self, Deadline, Setup};
use sim::anchor::carbon::gaia::{self, Policy};
use sim::anchor::carbon::{Forecast, Saving, Shape, dates, read_series};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let options = Options::read()?;
    let mut regions = vec![("Germany 2020".to_owned(), fixture_series()?)];
    for (name, file) in &options.series {
        let series = read_series(&text(file)?, None);
        regions
            .push((name.clone(), series.map_err(|error| format!("{}: {error}", file.display()))?));
    }
    let start_s = dates::parse("2020-01-01").ok_or("no such date")?;
    for shape in
        [Shape::LIKE_GERMANY, Shape::LIKE_BRITAIN, Shape::LIKE_FRANCE, Shape::LIKE_SOUTH_AUSTRALIA]
    {
        regions.push((shape.name.to_owned(), shape.series(start_s, 18_000, 2020)?));
    }
    let jobs = awhile::read_jobs(&text(&fixture("awhile-jobs.csv"))?, "2020-01-01")?;
    print_awhile(&regions, &jobs)?;
    for file in &options.jobs {
        let jobs = gaia::read_jobs(&text(file)?);
        let jobs = jobs.map_err(|error| format!("{}: {error}", file.display()))?;
        print_gaia(&regions, &jobs, file)?;
    }
    Ok(())
}

/// What the command line asks for.
struct Options {
    series: Vec<(String, PathBuf)>,
    jobs: Vec<PathBuf>,
}

impl Options {
    fn read() -> Result<Self, Failure> {
        let mut options = Self { series: Vec::new(), jobs: Vec::new() };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{word}` needs a value"))?;
            match word.as_str() {
                "--series" => {
                    let (name, file) = value.split_once('=').ok_or("`--series` needs NAME=FILE")?;
                    options.series.push((name.to_owned(), file.into()));
                }
                "--jobs" => options.jobs.push(value.into()),
                _ => return Err(format!("`{word}` is no option: use --series or --jobs").into()),
            }
        }
        Ok(options)
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/carbon").join(name)
}

fn fixture_series() -> Result<Series, Failure> {
    Ok(read_series(&text(&fixture("de-2020.csv"))?, None)?)
}

/// The text of a file, unpacked if its name ends in `.gz`.
fn text(file: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if file.extension().is_none_or(|extension| extension != "gz") {
        return Ok(String::from_utf8(bytes)?);
    }
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    Ok(text)
}

/// Savings of the first study as it reports them, in one piece and interrupted.
fn published(region: &str) -> &'static str {
    match region {
        "Germany 2020" => "5.9 / 7.9 %",
        "Britain 2020" => "6.6 / 9.0 %",
        "France 2020" => "4.8 / 5.9 %",
        _ => "",
    }
}

fn print_awhile(regions: &[(String, Series)], jobs: &[awhile::Job]) -> Result<(), Failure> {
    println!("## Let's Wait Awhile, scenario II: {} jobs\n", jobs.len());
    println!("Each cell: in one piece / interrupted.\n");
    println!(
        "| region | published | as the study: 5 % error, 10 seeds | deadlines kept, no error \
         | deadlines kept, 5 % | deadlines kept, 10 % | Monday or Thursday, no error |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, series) in regions {
        let pair = |deadline, grace_s, error_permille| {
            let saving = |interruptible| {
                let forecast = Forecast { error_permille, seed: 0 };
                let setup = Setup { deadline, interruptible, grace_s, forecast };
                let seeds = if error_permille == 0 { 0..1 } else { 0..10 };
                awhile::run_seeds(series, jobs, &setup, seeds)
            };
            Ok::<String, Failure>(format!("{} / {}", saving(false)?, saving(true)?))
        };
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} |",
            published(name),
            pair(Deadline::NextWorkday, 1_800, 50)?,
            pair(Deadline::NextWorkday, 0, 0)?,
            pair(Deadline::NextWorkday, 0, 50)?,
            pair(Deadline::NextWorkday, 0, 100)?,
            pair(Deadline::SemiWeekly, 0, 0)?,
        );
    }
    println!();
    Ok(())
}

fn print_gaia(
    regions: &[(String, Series)],
    jobs: &[gaia::Job],
    file: &Path,
) -> Result<(), Failure> {
    let list = file.file_name().and_then(|name| name.to_str()).unwrap_or("jobs");
    println!("## GAIA's policies: {} jobs of {list}\n", jobs.len());
    println!("Each cell: carbon against starting at once / mean wait in hours.\n");
    print!("| policy |");
    for (name, _) in regions {
        print!(" {name} |");
    }
    println!("\n|---|{}", "---|".repeat(regions.len()));
    for policy in Policy::ALL {
        print!("| {policy:?} |");
        for (_, series) in regions {
            let outcome = gaia::run(series, jobs, policy)?;
            let minutes = outcome.mean_wait_s() / 60;
            print!(" {} / {}.{:02} |", rest(&outcome.saving), minutes / 60, minutes % 60 * 5 / 3);
        }
        println!();
    }
    println!();
    Ok(())
}

/// What is left of 1 after the saving, with three digits.
fn rest(saving: &Saving) -> String {
    let left = (10_000 - saving.basis_points() + 5) / 10;
    format!("{}.{:03}", left / 1_000, left % 1_000)
}
