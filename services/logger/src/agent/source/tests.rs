use std::fs;
use std::path::Path;

use super::*;
use crate::agent::file;

const TIME: &str = "2026-11-23T18:25:07.12345678";

fn source(folder: &Path) -> Source {
    let owner = Owner {
        app: "a".parse().unwrap(),
        pod: "web-1".to_owned(),
        process: "web".to_owned(),
        release: "v2".to_owned(),
    };
    Source::new("uid/web/0".to_owned(), Arc::new(owner), folder.to_path_buf())
}

fn look(source: &mut Source) {
    let listed = file::list(&source.folder).unwrap();
    source.look(&listed.iter().collect::<Vec<_>>(), Instant::now());
}

/// Reads all there is, past the time in which files settle; each line with what is said to be lost before it.
fn read(source: &mut Source) -> Vec<(String, u64)> {
    let later = Instant::now() + std::time::Duration::from_secs(9);
    let mut read = Vec::new();
    loop {
        let taken = source.take(1, later);
        let lines = taken.batch.into_iter().flat_map(|batch| batch.lines);
        read.extend(lines.map(|line| (String::from_utf8_lossy(&line.text).into_owned(), line.lost_before)));
        source.acknowledge();
        if !taken.is_full {
            return read;
        }
    }
}

fn texts(lines: &[&str]) -> Vec<(String, u64)> {
    lines.iter().map(|line| ((*line).to_owned(), 0)).collect()
}

#[test]
fn a_line_may_begin_in_one_file_and_end_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0.log.1"), format!("{TIME}1Z stdout F one\n{TIME}2Z stdout P t")).unwrap();
    fs::write(folder.path().join("0.log"), format!("{TIME}3Z stdout F wo\n{TIME}4Z stdout F three\n")).unwrap();
    let mut source = source(folder.path());
    look(&mut source);
    assert_eq!(read(&mut source), texts(&["one", "two", "three"]));
    // Nothing is pending: another agent begins at the end.
    assert_eq!(source.saved().acknowledged, source.position);
}

#[test]
fn what_is_not_acknowledged_is_read_again_from_its_first_part() {
    let folder = tempfile::tempdir().unwrap();
    let begun = format!("{TIME}1Z stdout P one \n{TIME}2Z stderr F between\n");
    fs::write(folder.path().join("0.log"), &begun).unwrap();
    let mut first = source(folder.path());
    look(&mut first);
    assert_eq!(read(&mut first), texts(&["between"]));
    let saved = first.saved();
    assert_eq!(saved.acknowledged, 0);

    fs::rename(folder.path().join("0.log"), folder.path().join("0.log.1")).unwrap();
    fs::write(folder.path().join("0.log"), format!("{TIME}3Z stdout F end\n")).unwrap();
    let mut second = source(folder.path());
    let listed = file::list(folder.path()).unwrap();
    let listed = listed.iter().collect::<Vec<_>>();
    second.resume(&saved, &listed);
    second.look(&listed, Instant::now());
    let taken = second.take(1, Instant::now());
    // At the same position as before, by which the server knows it.
    assert_eq!(taken.batch.unwrap().lines[0].position, begun.len() as u64);
    second.acknowledge();
    assert_eq!(read(&mut second), texts(&["one end"]));
}

#[test]
fn a_broken_archive_is_a_loss_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0.log.1.gz"), "no archive").unwrap();
    let packed = fs::File::create(folder.path().join("0.log.2.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::none());
    io::Write::write_all(&mut packed, format!("{TIME}1Z stdout F one\n").repeat(9000).as_bytes()).unwrap();
    drop(packed.finish().unwrap());
    let whole = fs::read(folder.path().join("0.log.2.gz")).unwrap();
    fs::write(folder.path().join("0.log.2.gz"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("0.log"), format!("{TIME}2Z stdout F two\n")).unwrap();
    let mut source = source(folder.path());
    look(&mut source);
    let lines = read(&mut source);
    assert_eq!(lines[0], ("one".to_owned(), 1));
    assert!(lines.len() > 1000, "what can be read is read");
    assert_eq!(lines.iter().map(|(_, lost)| lost).sum::<u64>(), 2);
    assert!(lines.last().unwrap().0.ends_with("two"), "{:?}", lines.last());
}

#[test]
fn what_was_read_is_not_read_again_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0.log"), format!("{TIME}1Z stdout F one\n")).unwrap();
    let mut source = source(folder.path());
    look(&mut source);
    assert_eq!(read(&mut source), texts(&["one"]));
    let packed = fs::File::create(folder.path().join("0.log.1.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    io::Write::write_all(&mut packed, &fs::read(folder.path().join("0.log")).unwrap()).unwrap();
    drop(packed.finish().unwrap());
    fs::remove_file(folder.path().join("0.log")).unwrap();
    fs::write(folder.path().join("0.log"), format!("{TIME}2Z stdout F two\n")).unwrap();
    look(&mut source);
    assert_eq!(read(&mut source), texts(&["two"]));
}
