//! The formats of job lists: how each is recognised, and what it is.

use std::{fmt, str::FromStr};

/// A format of job lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Our own: comma separated, every property of a job.
    Cocarde,
    /// Pod lists of Alibaba's openb cluster.
    Openb,
    /// Microsoft's Philly cluster, as one table.
    Philly,
    /// Muri's job lists, times in milliseconds.
    Muri,
    /// Tiresias' job lists, times in seconds.
    Tiresias,
    /// Gavel's and Shockwave's traces.
    Gavel,
    /// Pollux' workloads.
    Pollux,
    /// GAIA's samples of PAI, Azure and Mustang.
    Gaia,
    /// The Standard Workload Format.
    Swf,
    /// What `sacct -P` prints.
    Sacct,
    /// The platform's own log, one entry a line.
    Log,
}

/// What a format looks like.
#[derive(Debug, Clone, Copy)]
struct Look {
    name: &'static str,
    about: &'static str,
    columns: &'static str,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 11] = [
        Self::Cocarde,
        Self::Openb,
        Self::Philly,
        Self::Muri,
        Self::Tiresias,
        Self::Gavel,
        Self::Pollux,
        Self::Gaia,
        Self::Swf,
        Self::Sacct,
        Self::Log,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.look().name
    }

    /// What it is, in one line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        self.look().about
    }

    /// Its columns or fields.
    #[must_use]
    pub const fn columns(self) -> &'static str {
        self.look().columns
    }

    const fn look(self) -> Look {
        let (name, about, columns) = match self {
            Self::Cocarde => (
                "cocarde",
                "our own table; any order of columns, the first three are needed",
                super::own::COLUMNS_TEXT,
            ),
            Self::Openb => (
                "openb",
                "pod lists of Alibaba's openb cluster (FGD, ATC 2023)",
                "name,cpu_milli,memory_mib,num_gpu,gpu_milli and, in most lists, gpu_spec,qos,creation_time,deletion_time,scheduled_time",
            ),
            Self::Philly => (
                "philly",
                "Microsoft's Philly cluster as one table (ATC 2019; adaptdl's philly.csv)",
                "submit_time|timestamp,duration_s|duration,num_gpus,vc|cluster",
            ),
            Self::Muri => (
                "muri",
                "Muri's lists (SIGCOMM 2022), milliseconds",
                "job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration,…",
            ),
            Self::Tiresias => (
                "tiresias",
                "Tiresias' lists (NSDI 2019), seconds",
                "job_id,num_gpu,submit_time,iterations,model_name,duration,interval",
            ),
            Self::Gavel => (
                "gavel",
                "Gavel and Shockwave traces (OSDI 2020, NSDI 2023), 12 columns with tabs, no header",
                "type,command,folder,steps argument,needs data,steps,GPUs,mode,weight,SLO,duration s,arrival s",
            ),
            Self::Pollux => (
                "pollux",
                "Pollux workloads (OSDI 2021); they state no duration",
                "name,time,application,num_replicas,batch_size",
            ),
            Self::Gaia => (
                "gaia",
                "GAIA's samples of Alibaba PAI, Azure and Mustang (ASPLOS 2024)",
                "arrival_time,length,cpus in seconds, or arrival_h,length_h,cpus in hours",
            ),
            Self::Swf => (
                "swf",
                "Standard Workload Format 2.2 (Parallel Workloads Archive)",
                "18 numbers a line, `;` before comments",
            ),
            Self::Sacct => (
                "sacct",
                "Slurm's accounting, `sacct -P` with a header",
                "JobID,Submit and Elapsed or ElapsedRaw; also User,Account,NNodes,ReqTRES,Timelimit,…",
            ),
            Self::Log => (
                "log",
                "the platform's own log, one entry a line",
                "{\"at\":…,\"actor\":…,\"event\":…}",
            ),
        };
        Look { name, about, columns }
    }

    /// The format of a list by its first line that is not empty, or `None`.
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim_end).find(|line| !line.trim().is_empty())?;
        if line.starts_with(';') {
            return Some(Self::Swf);
        }
        if line.starts_with('{') && line.contains("\"event\"") {
            return Some(Self::Log);
        }
        let has = |separator: char, names: &[&str]| {
            let columns: Vec<&str> = line.split(separator).map(str::trim).collect();
            names.iter().all(|name| columns.contains(name))
        };
        let tabs = line.split('\t').count();
        let numbers = line.split_whitespace();
        let is_number = |word: &str| word.trim_start_matches('-').parse::<f64>().is_ok();
        match () {
            () if has(',', &["job", "submit_s"]) => Some(Self::Cocarde),
            () if has(',', &["name", "cpu_milli", "num_gpu", "gpu_milli"]) => Some(Self::Openb),
            () if has(',', &["submit_time", "duration_s", "num_gpus"]) => Some(Self::Philly),
            () if has(',', &["timestamp", "duration", "num_gpus"]) => Some(Self::Philly),
            () if has(',', &["job_id", "num_gpu", "duration", "batch_size"]) => Some(Self::Muri),
            () if has(',', &["job_id", "num_gpu", "duration"]) => Some(Self::Tiresias),
            () if has(',', &["name", "time", "application", "num_replicas"]) => Some(Self::Pollux),
            () if has(',', &["arrival_h", "length_h", "cpus"]) => Some(Self::Gaia),
            () if has(',', &["arrival_time", "length", "cpus"]) => Some(Self::Gaia),
            () if has('|', &["JobID"]) || has('|', &["JobIDRaw"]) => Some(Self::Sacct),
            () if tabs == 12 => Some(Self::Gavel),
            () if numbers.clone().count() == 18 && numbers.clone().all(is_number) => {
                Some(Self::Swf)
            }
            () => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|format| format.as_str()).collect();
            format!("`{text}` is no format of job lists: use {}", names.join(", "))
        })
    }
}
