//! As many connections as are allowed, each holding its place from before its handshake to its end.
use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
};

use axum_server::accept::Accept;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// Takes connections while there are places; others are closed at once.
#[derive(Clone)]
pub struct Limited<A> {
    inner: A,
    places: Arc<Semaphore>,
}

impl<A> Limited<A> {
    pub fn new(inner: A, places: usize) -> Self {
        Self { inner, places: Arc::new(Semaphore::new(places)) }
    }
}

impl<A, I, S> Accept<I, S> for Limited<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = A::Stream;
    type Service = Held<A::Service>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return async { Err(io::Error::other("as many connections as are allowed are open")) }.boxed();
        };
        let accepted = self.inner.accept(stream, service);
        async move {
            let (stream, inner) = accepted.await?;
            Ok((stream, Held { inner, _place: Arc::new(place) }))
        }
        .boxed()
    }
}

/// What answers on one connection, and its place.
#[derive(Clone)]
pub struct Held<S> {
    inner: S,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Held<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use axum_server::accept::DefaultAcceptor;

    use super::*;

    #[tokio::test]
    async fn a_connection_too_many_is_closed_and_a_place_is_given_back() {
        let limited = Limited::new(DefaultAcceptor::new(), 2);
        let first = limited.accept((), ()).await.expect("a place");
        let second = limited.accept((), ()).await.expect("a place");
        assert!(limited.accept((), ()).await.is_err());
        // Services are cloned for every request of a connection; the place goes with the last.
        let again = first.1.clone();
        drop(first);
        assert!(limited.accept((), ()).await.is_err());
        drop(again);
        assert!(limited.accept((), ()).await.is_ok());
        drop(second);
    }
}
