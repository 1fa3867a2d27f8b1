use std::io::Cursor;

use super::super::manifest::tests::example;
use super::super::place::PlaceError;
use super::*;

/// More than one part of an upload, and not a whole number of them.
fn large() -> Vec<u8> {
    (0..u32::try_from(2 * PART / 4 + 1234).unwrap()).flat_map(u32::to_le_bytes).collect()
}

/// Writes, reads, loses and finds files, wherever the place is.
async fn keeps_backups(place: Place, damage: impl AsyncFn(&str)) {
    let backup = place.child("20261128T150000Z");
    let mut writer = Writer::begin(backup.clone()).await.unwrap();
    let taken = Writer::begin(backup.clone()).await.err().unwrap().told();
    assert_eq!(taken.summary(), format!("another backup is being made in {}", backup.name()));
    writer.write("ledger.dump", Cursor::new(large())).await.unwrap();
    writer.write("registry/blobs/aa", Cursor::new(b"small")).await.unwrap();
    writer.write("empty", Cursor::new(b"")).await.unwrap();
    writer.write("repositories/gone.bundle", Cursor::new(b"half")).await.unwrap();
    writer.forget("repositories/gone.bundle").await.unwrap();
    assert!(
        matches!(place.clone().newest().await, Err(PlaceError::Incomplete(name)) if name.ends_with("20261128T150000Z"))
    );
    assert!(matches!(backup.clone().newest().await, Err(PlaceError::Incomplete(_))));
    let written = writer.finish(example()).await.unwrap();
    assert_eq!(written.files.keys().collect::<Vec<_>>(), ["empty", "ledger.dump", "registry/blobs/aa"]);
    assert!(matches!(Writer::begin(backup.clone()).await, Err(PlaceError::Taken(_))), "it is complete");
    let left = backup.store.head(&located(&backup, "INCOMPLETE")).await;
    assert!(matches!(left, Err(object_store::Error::NotFound { .. })), "{left:?}");

    // A newer one that was never completed is told and passed over.
    let half = place.child("20261128T160000Z");
    Writer::begin(half.clone()).await.unwrap().write("ledger.dump", Cursor::new(b"half")).await.unwrap();
    let (found, incomplete) = place.clone().newest().await.unwrap();
    assert_eq!((found.name(), incomplete), (backup.name(), vec![half.name().to_owned()]));
    half.remove().await.unwrap();
    assert!(place.clone().newest().await.unwrap().1.is_empty());

    let archive = Archive::open(found).await.unwrap();
    assert_eq!(archive.manifest, written);
    archive.check().await.unwrap();
    assert!(archive.text("ledger.dump").await.unwrap() == large());
    assert!(matches!(archive.text("nothing").await, Err(ArchiveError::Unnamed(_))));

    damage("20261128T150000Z/registry/blobs/aa").await;
    let error = archive.check().await.unwrap_err();
    assert_eq!(error.to_string(), "cannot read registry/blobs/aa");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "it is not the file that was written: its size or its checksum is another");
    backup.remove().await.unwrap();
    assert!(matches!(place.newest().await, Err(PlaceError::Empty(_))));
}

#[tokio::test]
async fn a_folder_keeps_backups() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::parse(folder.path().to_str().unwrap(), true).unwrap();
    keeps_backups(place, async |path| std::fs::write(folder.path().join(path), "smell").unwrap()).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of what was removed");
}

#[tokio::test]
async fn what_is_broken_off_is_not_kept() {
    struct Broken;
    impl AsyncRead for Broken {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let place = Place::parse(folder.path().to_str().unwrap(), true).unwrap().child("20261128T150000Z");
    let mut writer = Writer::begin(place).await.unwrap();
    let error = writer.write("ledger.dump", Cursor::new(large()).chain(Broken)).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot write ledger.dump");
    assert!(!writer.has("ledger.dump"));
    let files = std::fs::read_dir(folder.path().join("20261128T150000Z")).unwrap();
    assert_eq!(files.map(|file| file.unwrap().file_name()).collect::<Vec<_>>(), ["INCOMPLETE"]);
}

#[tokio::test]
async fn a_backup_of_another_format_is_not_misread() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(MANIFEST), r#"{"format": 2, "else": []}"#).unwrap();
    let (place, _) = Place::parse(folder.path().to_str().unwrap(), false).unwrap().newest().await.unwrap();
    let Err(error) = Archive::open(place).await else { panic!("it was read") };
    assert_eq!(error.to_string(), "the backup has format 2, this deisctl reads 1");
}

#[test]
fn a_place_is_a_folder_or_a_bucket() {
    let refused = |text: &str| Place::parse(text, false).unwrap_err().to_string();
    assert_eq!(refused("ftp://host/x"), "ftp://host/x is no place for backups: it is a folder or s3://bucket/prefix");
    assert_eq!(refused("s3:///x"), "s3:///x is no place for backups: it is a folder or s3://bucket/prefix");
    assert_eq!(refused("/nonexistent/x"), "there is no folder /nonexistent/x");
    assert!(!std::path::Path::new("/nonexistent").exists());
}

const KEY: &str = "key-of-the-test";
const SECRET: &str = "secret-of-the-test";

/// Serves a folder as S3 and gives the variables that lead there.
async fn serve(folder: &std::path::Path) -> [(&'static str, String); 4] {
    let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    service.set_auth(s3s::auth::SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a test fixture")]
    tokio::spawn(async move {
        let server = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = hyper_util::rt::TokioIo::new(stream);
            let connection = server.serve_connection(stream, service.clone()).into_owned();
            tokio::spawn(connection);
        }
    });
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
    ]
}

#[tokio::test]
async fn a_bucket_keeps_backups() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("backups")).unwrap();
    let variables = serve(folder.path()).await.map(|(name, value)| (name.to_owned(), value));
    let place = Place::parse_with("s3://backups/of/the/platform", true, &variables).unwrap();
    let of_the_platform = folder.path().join("backups/of/the/platform");
    keeps_backups(place, async |path| std::fs::write(of_the_platform.join(path), "smell").unwrap()).await;

    let stranger = variables.map(|(name, value)| (name, value.replace(SECRET, "another")));
    let place = Place::parse_with("s3://backups/of/the/platform", true, &stranger).unwrap();
    let refused = place.newest().await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot list s3://backups/of/the/platform");
}

/// Half a file that nobody can see would cost its space for ever.
#[tokio::test]
async fn an_upload_that_fails_is_aborted() {
    let asked = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let kept = std::sync::Arc::clone(&asked);
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let asks = format!("{} {}", request.method(), request.uri().query().unwrap_or_default());
        let (status, text) = match asks.as_str() {
            "POST uploads=" => {
                (200, "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>")
            }
            "PUT " => (200, ""),
            "DELETE uploadId=7" => (204, ""),
            "HEAD " => (404, ""),
            _ => (400, ""),
        };
        kept.lock().push(asks);
        let answer = http::Response::builder().status(status).header("ETag", "\"1\"");
        let answer = answer.body(http_body_util::Full::new(bytes::Bytes::from_static(text.as_bytes())));
        async { answer }
    });
    #[expect(clippy::disallowed_methods, reason = "a test fixture")]
    tokio::spawn(async move {
        let server = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
        loop {
            let stream = hyper_util::rt::TokioIo::new(listener.accept().await.unwrap().0);
            tokio::spawn(server.serve_connection(stream, service.clone()).into_owned());
        }
    });
    let variables =
        [("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let place = Place::parse_with("s3://backups", true, &variables).unwrap().child("20261128T150000Z");
    let mut writer = Writer::begin(place).await.unwrap();
    let refused = writer.write("ledger.dump", Cursor::new(large())).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot write ledger.dump");
    let asked = asked.lock();
    assert_eq!(asked.last().map(String::as_str), Some("DELETE uploadId=7"), "{asked:?}");
}
