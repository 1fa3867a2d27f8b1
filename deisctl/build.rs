//! Makes the chart part of the program: a list of its files, in order of their names.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let chart = fs::canonicalize(Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../charts/workflow"))?;
    println!("cargo::rerun-if-changed={}", chart.display());
    let mut files = Vec::new();
    collect(&chart, &mut files)?;
    files.sort();

    let mut source = "pub(super) const FILES: &[(&str, &[u8])] = &[\n".to_owned();
    for file in &files {
        writeln!(source, "    ({:?}, include_bytes!({file:?})),", file.strip_prefix(&chart)?)?;
    }
    source.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("chart.rs"), source)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
