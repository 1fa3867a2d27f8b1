use std::error::Error;
use std::pin::Pin;

use deis_api::Code;
use futures_util::stream::{self, Stream, StreamExt as _};
use tonic::Status;

use crate::status;

/// A stream of answers.
pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Why a service does not do what it was asked.
pub trait Refusal: Error + Send + 'static {
    /// The stable code, which also says whether a retry can help.
    fn code(&self) -> Code;
    /// The process ends before the work is done.
    fn ending() -> Self;
}

/// An error as the caller gets it; the service's own troubles are logged here, and nowhere else.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error, and fits `map_err`")]
pub fn refusal(error: impl Refusal) -> Status {
    if let Some(source) = error.source() {
        tracing::warn!(%error, source, "a call failed");
    }
    status(error.code(), error.to_string())
}

/// A stream that ends with its first error, or when the process does: with [`Refusal::ending`].
pub fn answers<T: Send + 'static, E: Refusal>(
    stream: impl Stream<Item = Result<T, E>> + Send + 'static,
    process_ends: impl Future<Output = ()> + Send + 'static,
) -> Answers<T> {
    let start = Some((Box::pin(stream), Box::pin(process_ends)));
    Box::pin(stream::unfold(start, async |state| {
        let (mut stream, mut process_ends) = state?;
        let item = tokio::select! {
            // First, because streams that are fed by tasks end at the same moment, without a word.
            biased;
            () = &mut process_ends => Some(Err(E::ending())),
            item = stream.next() => item,
        };
        let item = item?;
        let rest = item.is_ok().then_some((stream, process_ends));
        Some((item.map_err(refusal), rest))
    }))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[derive(Debug, thiserror::Error, PartialEq)]
    #[error("{0}")]
    struct Refused(&'static str);

    impl Refusal for Refused {
        fn code(&self) -> Code {
            Code::Unavailable
        }

        fn ending() -> Self {
            Self("the process ends")
        }
    }

    async fn told(answers: Answers<u8>) -> Vec<Result<u8, String>> {
        answers.map(|item| item.map_err(|status| status.message().to_owned())).collect().await
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_first_error_or_with_the_process() {
        let items = || stream::iter([Ok(1), Err(Refused("no")), Ok(2)]);
        assert_eq!(told(answers(items(), pending())).await, [Ok(1), Err("no".to_owned())]);
        assert_eq!(told(answers(items(), ready(()))).await, [Err("the process ends".to_owned())]);
        assert_eq!(told(answers(stream::empty::<Result<u8, Refused>>(), pending())).await, []);
    }
}
