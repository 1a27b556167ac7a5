//! Writing a log with rotation. It must never hold a workload up: what cannot be written is counted
//! and dropped.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{LogLimits, name};

/// The newest file and how full it is.
#[derive(Debug)]
pub(crate) struct RotatingLog {
    folder: PathBuf,
    limits: LogLimits,
    file: Option<File>,
    written: u64,
    lost: u64,
}

impl RotatingLog {
    /// Appends to the log in a folder; it is created at the first write.
    pub(crate) fn new(folder: &Path, limits: LogLimits) -> Self {
        Self { folder: folder.to_path_buf(), limits, file: None, written: 0, lost: 0 }
    }

    /// Writes all bytes, or counts them as lost.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if let Err(_error) = self.try_write(bytes) {
            // The next chunk opens the file anew, so a disk that has room again is used again.
            self.file = None;
            self.lost = self.lost.saturating_add(length(bytes));
        }
    }

    /// Bytes that could not be written.
    pub(crate) fn lost_bytes(&self) -> u64 {
        self.lost
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let would_be = self.written.saturating_add(length(bytes));
        if self.written > 0 && would_be > self.limits.file_size.0 {
            self.rotate()?;
        }
        if self.file.is_none() {
            let file =
                OpenOptions::new().create(true).append(true).open(self.folder.join(name(0)))?;
            self.written = file.metadata()?.len();
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
            self.written = self.written.saturating_add(length(bytes));
        }
        Ok(())
    }

    /// Renames from the oldest to the newest, so that a crash in between loses at most the oldest.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        for age in (0..self.limits.n_files.saturating_sub(1)).rev() {
            let from = self.folder.join(name(age));
            if from.exists() {
                fs::rename(from, self.folder.join(name(age.saturating_add(1))))?;
            }
        }
        if self.limits.n_files <= 1 {
            fs::remove_file(self.folder.join(name(0)))?;
        }
        self.written = 0;
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
