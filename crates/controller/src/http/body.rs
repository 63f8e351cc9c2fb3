//! Bodies of requests: read within a time, a size, and an amount of memory for all of them together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a client may send beyond the limit before the connection is cut: it reads the answer only when it has sent
/// everything, and what is thrown away takes no memory.
const MAX_DISCARDED: usize = 16 << 20;
/// The unit in which memory is accounted for.
const UNIT: usize = 4096;

/// Memory for the bodies of one kind of callers.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Semaphore>);

/// A body, and its place in the memory.
pub(crate) struct Held {
    pub(crate) bytes: Vec<u8>,
    memory: Option<OwnedSemaphorePermit>,
}

/// A body that is not worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It broke off, or took too long.
    Unreadable,
    /// It is larger than it may be.
    TooLarge,
    /// Others use the memory at present.
    NoMemory,
}

impl Unread {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoMemory => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    /// Reads a body of at most `limit` bytes within `time`.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
        time: Duration,
    ) -> Result<Held, Unread> {
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        // Who asks first need not send it.
        if headers.contains_key(header::EXPECT) && declared.is_some_and(|length| length > limit) {
            return Err(Unread::TooLarge);
        }
        tokio::time::timeout(time, self.collect(body, limit)).await.unwrap_or(Err(Unread::Unreadable))
    }

    async fn collect(&self, mut body: Body, limit: usize) -> Result<Held, Unread> {
        let mut held = Held { bytes: Vec::new(), memory: None };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Unread::Unreadable)?;
            let Some(data) = frame.data_ref() else { continue };
            let kept = match self.keep(&mut held, data, limit) {
                Ok(()) => continue,
                Err(unread) => unread,
            };
            drop(held);
            discard(body).await;
            return Err(kept);
        }
        Ok(held)
    }

    /// Memory is taken as the bytes come, so that who announces much and sends little holds little.
    fn keep(&self, held: &mut Held, data: &Bytes, limit: usize) -> Result<(), Unread> {
        let size = held.bytes.len() + data.len();
        if size > limit {
            return Err(Unread::TooLarge);
        }
        if size > held.bytes.capacity() {
            // Twice as much as before, so that growing is linear; exactly as much, so that it is all accounted for.
            let capacity = size.max(2 * held.bytes.capacity()).min(limit).next_multiple_of(UNIT);
            let more = (capacity - held.bytes.capacity()).div_ceil(UNIT);
            let more = u32::try_from(more).map_err(|_| Unread::TooLarge)?;
            let permit = Arc::clone(&self.0).try_acquire_many_owned(more).map_err(|_| Unread::NoMemory)?;
            match &mut held.memory {
                Some(memory) => memory.merge(permit),
                none => *none = Some(permit),
            }
            held.bytes.reserve_exact(capacity - held.bytes.len());
        }
        held.bytes.extend_from_slice(data);
        Ok(())
    }
}

async fn discard(mut body: Body) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > MAX_DISCARDED {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn read(memory: &Memory, size: usize, limit: usize) -> Result<Held, Unread> {
        memory.read(&HeaderMap::new(), Body::from(vec![7; size]), limit, LONG).await
    }

    #[tokio::test]
    async fn a_body_has_a_limit_and_so_have_all_of_them_together() {
        let memory = Memory::new(4 * UNIT);
        assert!(read(&memory, 0, 10).await.ok().unwrap().bytes.is_empty());
        assert_eq!(read(&memory, 10, 10).await.ok().unwrap().bytes, [7; 10]);
        assert_eq!(read(&memory, 11, 10).await.err(), Some(Unread::TooLarge));
        let held = read(&memory, 3 * UNIT, 4 * UNIT).await.ok().unwrap();
        assert!(read(&memory, UNIT, UNIT).await.is_ok());
        assert_eq!(read(&memory, 2 * UNIT, 4 * UNIT).await.err(), Some(Unread::NoMemory));
        drop(held);
        assert!(read(&memory, 4 * UNIT, 4 * UNIT).await.is_ok(), "everything was given back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let frames = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let body = Body::from_stream(frames);
        let read = Memory::new(UNIT).read(&HeaderMap::new(), body, UNIT, LONG).await;
        assert_eq!(read.err(), Some(Unread::Unreadable));
        let frames = futures::stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("cut"))]);
        let read = Memory::new(UNIT).read(&HeaderMap::new(), Body::from_stream(frames), UNIT, LONG).await;
        assert_eq!(read.err(), Some(Unread::Unreadable));
    }

    #[tokio::test]
    async fn who_asks_before_sending_too_much_is_told_so() {
        let mut headers = HeaderMap::new();
        headers.insert(header::EXPECT, "100-continue".parse().unwrap());
        headers.insert(header::CONTENT_LENGTH, "99999999999999999999".parse().unwrap());
        headers.insert(header::CONTENT_LENGTH, "100".parse().unwrap());
        let body = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(Memory::new(UNIT).read(&headers, body, 10, LONG).await.err(), Some(Unread::TooLarge));
    }
}
