//! How many objects are worked on at the same time, not counting those that wait for their templates.

use std::future::Future;

use tokio::sync::{Semaphore, SemaphorePermit};

/// A slot for each worker. There are more tasks than slots, so that an object whose templates run takes no slot from others.
pub(crate) struct Slots(Semaphore);

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self(Semaphore::new(count))
    }

    /// Waits for a slot; it is given back when the answer is dropped.
    pub(crate) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.0.acquire().await.ok()
    }

    /// Waits for `work` without the slot that the caller has taken, and for a slot again afterwards.
    pub(crate) async fn aside<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.add_permits(1);
        let result = work.await;
        if let Some(permit) = self.take().await {
            permit.forget();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_stands_aside_lets_another_one_work_and_comes_back_after_it() {
        let slots = Arc::new(Slots::new(1));
        let (done, rendered) = oneshot::channel::<()>();
        let aside = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move {
                let _slot = slots.take().await;
                slots.aside(rendered).await.unwrap();
            }
        });
        // The only slot is free as soon as its owner stands aside.
        while slots.0.available_permits() == 0 || aside.is_finished() {
            tokio::task::yield_now().await;
        }
        let other = slots.take().await;
        done.send(()).unwrap();
        tokio::task::yield_now().await;
        assert!(!aside.is_finished(), "its slot is taken");
        drop(other);
        aside.await.unwrap();
        assert_eq!(slots.0.available_permits(), 1, "none was lost, and none was made");
    }
}
