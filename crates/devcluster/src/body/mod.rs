//! Bodies: reading a request's within a limit, and the one concrete type of every response's.

mod json;
mod yaml;

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::{Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::object::{Stored, View, append_json};
use crate::status::{Answer, Failure};

pub(crate) use json::object;
pub(crate) use yaml::object as yaml_object;

/// The largest request body, as in the real API server.
pub(crate) const MAX_BODY: usize = 3 << 20;
/// Lists and events are written in pieces of about this size.
pub(crate) const CHUNK: usize = 64 << 10;

/// Reads a whole request body.
pub(crate) async fn read<B: Body<Data = Bytes>>(body: B) -> Answer<Bytes> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::bad_request("the request body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > MAX_BODY {
            return Err(Failure::body_too_large(MAX_BODY));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// The body of a response.
pub struct ResponseBody(Kind);

enum Kind {
    Whole(Option<Bytes>),
    List(ListBody),
    Events(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

/// A list that is written while it is read: the objects are shared with the store, not copied.
pub(crate) struct ListBody {
    view: View,
    items: std::vec::IntoIter<Arc<Stored>>,
    head: Option<Vec<u8>>,
    first: bool,
    ended: bool,
}

impl ListBody {
    /// `head` ends where the items begin: `{..., "items":[`.
    pub(crate) fn new(head: Vec<u8>, view: View, items: Vec<Arc<Stored>>) -> Self {
        Self { view, items: items.into_iter(), head: Some(head), first: true, ended: false }
    }

    fn piece(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = self.head.take().unwrap_or_default();
        out.reserve(self.items.as_slice().iter().map(|item| item.size() + 80).sum::<usize>().min(CHUNK + CHUNK / 4));
        while out.len() < CHUNK {
            let Some(item) = self.items.next() else {
                out.extend_from_slice(b"]}\n");
                self.ended = true;
                break;
            };
            if !std::mem::take(&mut self.first) {
                out.push(b',');
            }
            self.view.append(&item, &mut out);
        }
        Some(out.into())
    }
}

impl ResponseBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(Some(bytes.into())))
    }

    pub(crate) fn list(mut list: ListBody) -> Self {
        match list.piece() {
            // A short list is one piece with a known length.
            Some(piece) if list.ended => Self::whole(piece),
            Some(piece) => {
                list.head = Some(piece.into());
                Self(Kind::List(list))
            }
            None => Self::whole(Bytes::new()),
        }
    }

    pub(crate) fn events(events: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Kind::Events(Box::pin(events)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take()),
            Kind::List(list) => Poll::Ready(list.piece()),
            Kind::Events(events) => events.as_mut().poll_next(context),
        }
        .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::List(list) => list.ended,
            Kind::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::List(_) | Kind::Events(_) => SizeHint::default(),
        }
    }
}

/// A response with a JSON body.
pub(crate) fn respond(code: u16, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn respond_value(code: u16, value: &Value) -> Response<ResponseBody> {
    let mut out = Vec::with_capacity(256);
    append_json(&mut out, value);
    out.push(b'\n');
    respond(code, ResponseBody::whole(out))
}

pub(crate) fn respond_object(code: u16, view: &View, object: &Stored) -> Response<ResponseBody> {
    let mut out = Vec::with_capacity(object.size() + 80);
    view.append(object, &mut out);
    out.push(b'\n');
    respond(code, ResponseBody::whole(out))
}

impl Failure {
    pub(crate) fn respond(&self) -> Response<ResponseBody> {
        let mut response = respond_value(self.code, &self.to_value());
        if self.code == 504 {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}
